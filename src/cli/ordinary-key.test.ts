import { describe, expect, test } from 'vitest';
import { DialError, type HttpAnswer, type HttpDialer, type HttpRequest, NobleSuite } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets } from '../vault/index.ts';
import { findOrdinaryKey } from './ordinary-key.ts';

const JOE = parseAddress('joe@somewhere.example');
const never = new AbortController().signal;

async function certificateOf(address: string): Promise<Uint8Array> {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const made = await createAccountSecrets(deps, { address: parseAddress(address), createdAt: Date.UTC(2026, 0, 2) });
  return made.certificate;
}

/** A domain without the subdomain that directories have. */
function domain(answer: Pick<HttpAnswer, 'status' | 'body'> | undefined): HttpDialer {
  return {
    request: async ({ url }: HttpRequest) => {
      if (answer === undefined || url.startsWith('https://openpgpkey.'))
        throw new DialError('unreachable', 'no address', { retry: 'later' });
      return { headers: {}, ...answer };
    },
  };
}

describe('an address whose domain is no home', () => {
  test('has the key that the directory of its domain shows', async () => {
    const body = await certificateOf(JOE);
    const key = await findOrdinaryKey(domain({ status: 200, body }), JOE, never);
    expect(key).toMatchObject({ addresses: [JOE], createdAt: Date.UTC(2026, 0, 2) });
  });

  test('has none where there is no directory, or none of its', async () => {
    expect(await findOrdinaryKey(domain(undefined), JOE, never)).toBeUndefined();
    expect(await findOrdinaryKey(domain({ status: 404, body: new Uint8Array(0) }), JOE, never)).toBeUndefined();
    expect(await findOrdinaryKey(domain({ status: 503, body: new Uint8Array(0) }), JOE, never)).toBeUndefined();
  });

  test('is not given somebody else’s key, nor what is no key', async () => {
    const body = await certificateOf('eve@somewhere.example');
    await expect(findOrdinaryKey(domain({ status: 200, body }), JOE, never)).rejects.toMatchObject({
      code: 'wrong_key',
    });
    const noKey = domain({ status: 200, body: new TextEncoder().encode('<html>') });
    await expect(findOrdinaryKey(noKey, JOE, never)).rejects.toMatchObject({ code: 'malformed' });
  });

  test('is not asked about for longer than whoever asks waits', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(findOrdinaryKey(domain(undefined), JOE, signal)).rejects.toThrow('enough');
  });
});
