/** STARTTLS with a real Dovecot: nothing is said before it, and nothing at all to a certificate that is not the host's. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Certificate } from '../harness/certificate.ts';
import { Dovecot, PASSWORD, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { ImapWorld } from '../harness/imap-world.ts';

const CONNECTION = new URL('../../dist/hub/agents/imap/imap-connection.js', import.meta.url).href;

async function setup() {
  const certificate = await Certificate.create();
  const dovecot = await Dovecot.open({ certificate });
  const settings = (host: string) => {
    const server = { host, port: dovecot.imapPort, security: 'starttls', user: 'alice', secret: PASSWORD };
    return { ...server, auth: 'password' } as const;
  };
  return {
    dovecot,
    settings,
    /** In a process that trusts it, as the machines of people do: Node reads whom to trust when it starts. */
    async connect(host: string): Promise<string> {
      const program = `
        const { connectImap } = await import(${JSON.stringify(CONNECTION)});
        try {
          const client = await connectImap(${JSON.stringify(settings(host))}, new AbortController().signal);
          console.log((await client.list()).map(({ path }) => path).includes('INBOX'));
          client.close();
        } catch ({ code }) {
          console.log(code);
        }`;
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate.path };
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env });
      return stdout.trim();
    },
    /** What Dovecot says of those who logged in. */
    async logins(): Promise<string[]> {
      const log = await readFile(join(dovecot.folder, 'dovecot.log'), 'utf8');
      return log.split('\n').filter((line) => line.includes('Login: user=<alice>'));
    },
    async [Symbol.asyncDispose]() {
      await dovecot[Symbol.asyncDispose]();
      await certificate[Symbol.asyncDispose]();
    },
  };
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('STARTTLS of IMAP accounts'))('a server that wants STARTTLS', () => {
  test('is logged in to behind it, with a certificate that is trusted and the host’s', async () => {
    await using setting = await setup();
    expect(await setting.connect('127.0.0.1')).toBe('true');
    const logins = await setting.logins();
    expect(logins).toHaveLength(1);
    expect(logins[0]).toMatch(/, TLS,/);
  });

  test('is told no password when the certificate is another host’s, or nobody’s', async () => {
    await using setting = await setup();
    expect(await setting.connect('localhost')).toBe('untrusted');
    await using world = await ImapWorld.empty(setting.dovecot);
    const account = { address: 'alice@example.org', imap: setting.settings('127.0.0.1') };
    await expect(world.accounts.add(account)).rejects.toMatchObject({ code: 'untrusted' });
    expect(world.accounts.status).toEqual([]);
    expect(await setting.logins()).toEqual([]);
  });
});
