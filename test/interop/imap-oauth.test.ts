/** Accounts whose server wants a token of OAuth 2 and no password, against a server that is scripted to say what real ones say. */
import { describe, expect, test } from 'vitest';
import { type HttpDialer, utf8 } from '../../src/base/index.ts';
import { HostileImap } from '../harness/hostile-imap.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

const BASE = 'IMAP4rev1 SASL-IR UIDPLUS MOVE IDLE ENABLE CONDSTORE QRESYNC';

function settings(port: number) {
  return {
    address: 'eve@example.org',
    imap: { host: '127.0.0.1', port, security: 'none', user: 'eve@example.org', secret: 'token-1', auth: 'oauth2' },
  };
}

/** What the client authenticated with, decoded. */
function authentication(said: readonly string[]): string | undefined {
  const [, mechanism, response] = /^AUTHENTICATE (\S+) (\S+)/i.exec(said.find((one) => /^AUTH/i.test(one)) ?? '') ?? [];
  return response === undefined ? undefined : `${mechanism} ${Buffer.from(response, 'base64').toString()}`;
}

function refreshed(port: number) {
  const { secret: _none, ...imap } = settings(port).imap;
  const refresh = { url: 'https://id.example/token', clientId: 'restante', token: 'refresh' };
  return { address: 'eve@example.org', imap, refresh };
}

/** Another token each time it is asked. */
function tokensFor(expiresIn: number): HttpDialer {
  let asked = 0;
  return {
    async request() {
      const answer = { access_token: `access-${++asked}`, expires_in: expiresIn };
      return { status: 200, headers: {}, body: utf8(JSON.stringify(answer)) };
    },
  };
}

function tokensIn(said: readonly string[]): (string | undefined)[] {
  const authentications = said.filter((command) => /^AUTH/i.test(command));
  return authentications.map((command) => /access-\d/.exec(authentication([command]) ?? '')?.[0]);
}

describe('an account with a token of OAuth 2', () => {
  test.each([
    ['XOAUTH2', 'XOAUTH2 user=eve@example.org\x01auth=Bearer token-1\x01\x01'],
    ['OAUTHBEARER', expect.stringMatching(/^OAUTHBEARER n,a=eve@example\.org,\x01.*auth=Bearer token-1\x01\x01$/s)],
  ])('says it by %s, and never as a password', async (mechanism, expected) => {
    const said: string[] = [];
    const greeting = `* OK [CAPABILITY ${BASE} AUTH=${mechanism}] ready\r\n`;
    await using server = await HostileImap.open((_tag, command) => {
      said.push(command);
      return undefined;
    }, greeting);
    await using world = await ImapWorld.empty(server);
    await world.accounts.add(settings(server.imapPort));
    expect(authentication(said)).toEqual(expected);
    expect(said.some((command) => /^LOGIN/i.test(command))).toBe(false);
  });

  test('that is over gets another with its refresh token, and keeps the one that takes its place', async () => {
    const said: string[] = [];
    await using server = await HostileImap.open((_tag, command) => {
      said.push(command);
      return undefined;
    }, `* OK [CAPABILITY ${BASE} AUTH=XOAUTH2] ready\r\n`);
    const asked: string[] = [];
    const dialer: HttpDialer = {
      async request({ body }) {
        asked.push(new URLSearchParams(Buffer.from(body ?? []).toString()).get('refresh_token') ?? '');
        const answer = {
          access_token: `access-${asked.length}`,
          expires_in: 1,
          refresh_token: `refresh-${asked.length + 1}`,
        };
        return { status: 200, headers: {}, body: utf8(JSON.stringify(answer)) };
      },
    };
    await using world = await ImapWorld.empty(server, { user: 'eve', dialer });
    const refresh = { url: 'https://id.example/token', clientId: 'restante', token: 'refresh-1' };
    const { secret: _none, ...imap } = settings(server.imapPort).imap;
    await world.accounts.add({ address: 'eve@example.org', imap, refresh });
    await until(() => world.accounts.status[0]?.server?.connection === 'connected');
    // Each is over at once: one for the first look at the server, one for the agent's connection.
    expect(asked.slice(0, 2)).toEqual(['refresh-1', 'refresh-2']);
    const used = said.filter((command) => /^AUTH/i.test(command)).map((command) => authentication([command]));
    expect(used.slice(0, 2).map((text) => /access-\d/.exec(text ?? '')?.[0])).toEqual(['access-1', 'access-2']);
  });

  test('is asked for again when a connection is made again, also the one that watches the inbox', async () => {
    const said: string[] = [];
    let watches = 0;
    await using server = await HostileImap.open((_tag, command, socket) => {
      said.push(command);
      if (/^IDLE/i.test(command) && ++watches === 1) socket.destroy();
      return undefined;
    }, `* OK [CAPABILITY ${BASE} AUTH=XOAUTH2] ready\r\n`);
    await using world = await ImapWorld.empty(server, { user: 'eve', dialer: tokensFor(0) });
    await world.accounts.add(refreshed(server.imapPort));
    await until(() => watches === 2);
    // To try the server, to work, to watch, and to watch again.
    expect(tokensIn(said)).toEqual(['access-1', 'access-2', 'access-3', 'access-4']);
  });

  test('that the server does not take any more before its time is not tried again', async () => {
    const said: string[] = [];
    await using server = await HostileImap.open((tag, command) => {
      said.push(command);
      const isOver = tokensIn(said).length > 1 && tokensIn([command])[0] === 'access-1';
      return isOver ? `${tag} NO [AUTHENTICATIONFAILED] it was revoked\r\n` : undefined;
    }, `* OK [CAPABILITY ${BASE} AUTH=XOAUTH2] ready\r\n`);
    await using world = await ImapWorld.empty(server, { user: 'eve', dialer: tokensFor(3600) });
    await world.accounts.add(refreshed(server.imapPort));
    await until(() => world.accounts.status[0]?.server?.connection === 'connected');
    expect(tokensIn(said).slice(0, 3)).toEqual(['access-1', 'access-1', 'access-2']);
  });

  test('that is not taken is told in words, with what the server said', async () => {
    const greeting = `* OK [CAPABILITY ${BASE} AUTH=XOAUTH2] ready\r\n`;
    const challenge = Buffer.from('{"status":"400","schemes":"Bearer"}').toString('base64');
    let tag = '';
    await using server = await HostileImap.open((one, command) => {
      if (/^AUTHENTICATE/i.test(command)) {
        tag = one;
        return `+ ${challenge}\r\n`;
      }
      // The empty line after a challenge is no command of its own.
      return one === '' ? `${tag} NO [AUTHENTICATIONFAILED] the token is over\r\n` : undefined;
    }, greeting);
    await using world = await ImapWorld.empty(server);
    await expect(world.accounts.add(settings(server.imapPort))).rejects.toMatchObject({
      code: 'credential_refused',
      message: expect.stringMatching(/does not take this token.*the token is over/),
    });
    expect(world.accounts.status).toEqual([]);
  });
});
