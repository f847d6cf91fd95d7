/** Servers that lie, overrun and inject: the account says that something is wrong, and nothing else is harmed. */
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/hub/hub-error.ts';
import { HostileImap, type Script } from '../harness/hostile-imap.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { until } from '../harness/until.ts';

const MANY = 'x'.repeat(1024 * 1024);

/** Answers to one command; the rest is as usual. */
function to(pattern: RegExp, answer: (tag: string) => string): Script {
  return (tag, command) => (pattern.test(command) ? answer(tag) : undefined);
}

const FETCH = /^(?:UID )?FETCH/i;

/** What ends a connection. */
const LIES: readonly (readonly [name: string, script: Script])[] = [
  ['a literal of 99 GB', to(FETCH, () => '* 1 FETCH (UID 1 BODY[HEADER] {99999999999}\r\nSubject: x\r\n')],
  ['a line without end', to(FETCH, () => `* 1 FETCH (UID 1 FLAGS (${MANY.repeat(18)}`)],
  ['no inbox', to(/LIST/i, (tag) => `* LIST () "/" Other\r\n${tag} OK done\r\n`)],
  [
    'the end of the connection in the middle',
    (_tag, command, socket) => {
      if (!FETCH.test(command)) return undefined;
      socket.end('* 1 FETCH (UID');
      return '';
    },
  ],
];

/** What is taken for what it is: odd, and nothing that was asked for. */
const ODDITIES: readonly (readonly [name: string, script: Script])[] = [
  ['a literal of a negative size', to(FETCH, (tag) => `* 1 FETCH (UID 1 BODY[HEADER] {-5}\r\n)\r\n${tag} OK done\r\n`)],
  [
    'parentheses without end',
    to(FETCH, (tag) => `* 1 FETCH (UID 1 FLAGS ${'('.repeat(100_000)}\r\n${tag} OK done\r\n`),
  ],
  [
    'four thousand million messages',
    to(
      /^(?:SELECT|EXAMINE)/i,
      (tag) => `* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 1] v\r\n* OK [UIDNEXT 2] n\r\n${tag} OK [READ-WRITE] ok\r\n`,
    ),
  ],
  [
    'UIDs of nothing',
    to(FETCH, (tag) => `* 1 FETCH (UID 0 FLAGS ())\r\n* 9 FETCH (FLAGS (\\Seen))\r\n${tag} OK done\r\n`),
  ],
  [
    'tagged lines that nobody waits for',
    to(/^NOOP/i, (tag) => `ZZZZ OK [APPENDUID 1 1] injected\r\n${tag} OK done\r\n`),
  ],
  [
    'flags that are no keywords',
    to(
      FETCH,
      (tag) =>
        `* 1 FETCH (UID 1 FLAGS (a{b} $%) RFC822.SIZE 14 BODY[HEADER] {14}\r\nSubject: hi\r\n\r\n)\r\n${tag} OK done\r\n`,
    ),
  ],
];

describe('a hostile IMAP server', () => {
  test.each(LIES)('that sends %s is a problem of its account alone', async (_name, script) => {
    await using server = await HostileImap.open(script);
    await using world = await ImapWorld.open(server, { user: 'alice' });
    const status = () => world.accounts.status[0];
    await until(() => status()?.server?.problem !== undefined);
    expect(status()?.agent).toMatchObject({ state: 'running', restarts: 0 });
    const [mailboxes] = await world.call(['Mailbox/get', { ids: null }]);
    expect(mailboxes).toBeDefined();
    expect([...world.account.emailIds()].length).toBeLessThanOrEqual(1);
  });

  test.each(ODDITIES)('that sends %s harms nothing', async (_name, script) => {
    await using server = await HostileImap.open(script);
    await using world = await ImapWorld.open(server, { user: 'alice' });
    const status = () => world.accounts.status[0];
    await until(() => status()?.server?.problem !== undefined || status()?.server?.currentAt !== undefined);
    expect(status()?.agent).toMatchObject({ state: 'running', restarts: 0 });
    for (const id of world.account.emailIds())
      for (const keyword of world.account.email(id)?.keywords ?? []) expect(keyword).toMatch(/^[^\s(){}%*"\\\]]+$/);
  });

  test('that says more after STARTTLS than it may is told nothing', async () => {
    const said: string[] = [];
    await using server = await HostileImap.open((tag, command) => {
      said.push(command);
      return /^STARTTLS/i.test(command) ? `${tag} OK begin\r\n* OK injected\r\n` : undefined;
    }, '* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n');
    const settings = {
      address: 'eve@example.org',
      imap: {
        host: '127.0.0.1',
        port: server.imapPort,
        security: 'starttls',
        user: 'eve',
        secret: 'secret',
        auth: 'password',
      },
    };
    await using other = await ImapWorld.empty(server);
    await expect(other.accounts.add(settings)).rejects.toThrow(HubError);
    expect(other.accounts.status).toEqual([]);
    expect(said.some((command) => /eve/.test(command))).toBe(false);
  });
});
