import { describe, expect, test } from 'vitest';
import {
  DialError,
  type HttpAnswer,
  type HttpDialer,
  type HttpRequest,
  ManualClock,
  utf8,
} from '../../../base/index.ts';
import { OAuthTokens } from './oauth-tokens.ts';

const REFRESH = { url: 'https://id.example/token', clientId: 'client', clientSecret: undefined, token: 'refresh-1' };
const never = new AbortController().signal;

class TokenService implements HttpDialer {
  readonly asked: URLSearchParams[] = [];
  answers: (readonly [status: number, body: unknown] | Error)[] = [];

  async request({ body }: HttpRequest): Promise<HttpAnswer> {
    this.asked.push(new URLSearchParams(Buffer.from(body ?? []).toString()));
    const next = this.answers.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error('nothing more was expected');
    const [status, said] = next;
    return { status, headers: {}, body: utf8(typeof said === 'string' ? said : JSON.stringify(said)) };
  }
}

function setup(...answers: TokenService['answers']) {
  const [dialer, clock] = [new TokenService(), new ManualClock(0)];
  dialer.answers = answers;
  return { dialer, clock, tokens: new OAuthTokens({ dialer, clock }) };
}

describe('access tokens', () => {
  test('are asked for once as long as they last, and with what the provider gave in place of the old', async () => {
    const { clock, dialer, tokens } = setup(
      [200, { access_token: 'a1', expires_in: 3600, token_type: 'Bearer', refresh_token: 'refresh-2' }],
      [200, { access_token: 'a2', expires_in: 3600 }],
    );
    expect(await tokens.access(REFRESH, never)).toEqual({ access: 'a1', replaced: 'refresh-2' });
    expect(Object.fromEntries(dialer.asked[0] ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-1',
      client_id: 'client',
    });
    const again = { ...REFRESH, token: 'refresh-2' };
    expect(await tokens.access(again, never)).toEqual({ access: 'a1', replaced: undefined });
    await clock.advance(3_600_000);
    expect(await tokens.access(again, never)).toEqual({ access: 'a2', replaced: undefined });
    expect(dialer.asked.map((form) => form.get('refresh_token'))).toEqual(['refresh-1', 'refresh-2']);
  });

  test('are asked for once by all who need one at the same time: a refresh token may be good for one', async () => {
    const { dialer, tokens } = setup([200, { access_token: 'a1', expires_in: 3600, refresh_token: 'refresh-2' }]);
    const both = await Promise.all([tokens.access(REFRESH, never), tokens.access(REFRESH, never)]);
    const expected = { access: 'a1', replaced: 'refresh-2' };
    expect(both).toEqual([expected, expected]);
    expect(dialer.asked).toHaveLength(1);
  });

  test('are asked for again when one was refused before its time', async () => {
    const { tokens } = setup(
      [200, { access_token: 'a1', expires_in: 3600 }],
      [200, { access_token: 'a2', expires_in: 3600 }],
    );
    await tokens.access(REFRESH, never);
    tokens.forget('a1');
    expect(await tokens.access(REFRESH, never)).toEqual({ access: 'a2', replaced: undefined });
  });

  test.each([
    [[400, { error: 'invalid_grant', error_description: 'it was revoked' }], 'credential_refused', 'it was revoked'],
    [[200, { error: 'invalid_client' }], 'credential_refused', 'invalid_client'],
    [[503, 'busy'], 'server_unreachable', 'answered 503'],
    [[200, 'a page for people'], 'server_unreachable', 'answered 200'],
    [[200, { access_token: '' }], 'server_unreachable', 'answered 200'],
    [new DialError('unreachable', 'nobody listens'), 'server_unreachable', 'nobody listens'],
  ] as const)('are refused in words after %j', async (answer, code, words) => {
    const { tokens } = setup(answer);
    await expect(tokens.access(REFRESH, never)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });
});
