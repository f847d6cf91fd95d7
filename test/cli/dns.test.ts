import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseStsPolicy, stsIdOf } from '../../src/smtp-door/outbound/sts-policy.ts';
import { ownPolicyId } from '../../src/smtp-door/own-policy.ts';
import { Certificate } from '../harness/certificate.ts';
import { DnsServer } from '../harness/dns-server.ts';
import { Sandbox } from './command-line.ts';

/** The folder of a home that does not run. */
async function setup(home: string, files: readonly string[] = []) {
  const sandbox = await Sandbox.open();
  await mkdir(sandbox.path('home', 'keys'), { recursive: true });
  await writeFile(sandbox.path('home', 'home.json'), JSON.stringify({ home, node: 'a' }));
  for (const file of files) await writeFile(sandbox.path('home', 'keys', file), '{}');
  const dns = (...args: string[]) => sandbox.run(['dns', '--data', sandbox.path('home'), ...args]);
  const run = (command: string, ...args: string[]) => sandbox.run([command, '--data', sandbox.path('home'), ...args]);
  return { dns, run, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
}

describe('dns', () => {
  test('prints a zone file, and a line a record with --json', async () => {
    await using world = await setup('home.example', ['smtp-door.json']);
    const { code, stdout } = await world.dns('--host', 'mx1.Home.example.');
    expect(code).toBe(0);
    expect(stdout).toContain('\nhome.example. 3600 IN MX 10 mx1.home.example.\n');
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^(; |\S+\. 3600 IN (MX|SRV|TXT) \S)/);
    const { lines } = await world.dns('--json', '--port', '7896');
    expect(lines).toHaveLength(stdout.trim().split('\n').length / 2);
    expect(lines[0]).toEqual({
      name: '_restante._tcp.home.example.',
      type: 'SRV',
      value: '10 10 7896 mail.home.example.',
      why: expect.stringContaining('it is a home'),
    });
  });

  test('says that there is no door, where none was opened', async () => {
    await using world = await setup('home.example');
    expect((await world.dns()).stdout).toContain('\nhome.example. 3600 IN MX 0 .\n');
  });

  test('has nothing for a home of this machine, for no home, or for an address', async () => {
    await using local = await setup('localhost:7896');
    expect(await local.dns('--json')).toMatchObject({ code: 2, stdout: expect.stringContaining('stands in no DNS') });
    await using none = await Sandbox.open();
    expect((await none.run(['dns', '--data', none.path('nothing'), '--json'])).stdout).toContain('"no_home"');
    await using world = await setup('home.example');
    for (const host of ['192.0.2.1', '2001:db8::1', 'mail.home.example:25', 'a b'])
      expect((await world.dns('--host', host)).code, host).toBe(2);
  });

  test('names the policy that the home answers with, until that is taken back', async () => {
    await using sandbox = await Sandbox.open();
    await using certificate = await Certificate.create();
    const at = ['--data', sandbox.path('home')];
    const door = ['--smtp-port', '0', '--smtp-tls-cert', certificate.path, '--smtp-tls-key', certificate.keyPath];
    const start = (...options: string[]) =>
      sandbox.start(['node', '--port', '0', '--home', 'home.example', '--json', ...at, ...options]);
    const named = async () => (await sandbox.run(['dns', ...at])).stdout.match(/_mta-sts\S+ .*TXT "(.*)"/)?.[1];

    const mx = ['--smtp-mx', 'mx1.home.example', 'MX2.home.example'];
    const home = start(...door, '--smtp-sts', 'enforce', ...mx);
    const { federation } = await home.next();
    const answer = await fetch(`${federation}/.well-known/mta-sts.txt`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain\b/);
    const policy = await answer.text();
    expect(parseStsPolicy(policy)).toMatchObject({ mode: 'enforce', mx: ['mx1.home.example', 'mx2.home.example'] });
    expect(stsIdOf([(await named()) ?? ''])).toBe(ownPolicyId(policy));
    expect((await home.stop('SIGTERM')).code).toBe(0);

    const without = start();
    const none = await fetch(`${(await without.next()).federation}/.well-known/mta-sts.txt`);
    expect(none.status).toBe(404);
    expect(await named()).toBeUndefined();
    await without.stop('SIGTERM');
  });

  test.each([
    ['of this machine', ['--smtp-sts', 'testing'], '--home'],
    [
      'without a certificate',
      ['--home', 'home.example', '--smtp-port', '0', '--smtp-sts', 'enforce'],
      '--smtp-tls-cert',
    ],
    ['without a policy', ['--home', 'home.example', '--smtp-mx', 'mail.home.example'], '--smtp-sts'],
  ])('promises nothing for a home %s', async (_, options, fix) => {
    await using sandbox = await Sandbox.open();
    const at = ['--port', '0', '--json', '--data', sandbox.path('home')];
    const { code, stdout } = await sandbox.run(['node', ...at, ...options]);
    expect([code, stdout]).toEqual([2, expect.stringContaining(fix)]);
  });

  test('is checked by doctor, which says what to set', async () => {
    await using world = await setup('home.example', ['smtp-door.json']);
    await using dns = await DnsServer.open({
      'home.example': { MX: ['10 mail.home.example'], TXT: ['v=spf1 -all'] },
      '_restante._tcp.home.example': { SRV: ['10 10 443 mail.home.example'] },
      'mail.home.example': { A: ['192.0.2.7'] },
      '7.2.0.192.in-addr.arpa': { PTR: ['mail.home.example'] },
    });
    const doctor = (...args: string[]) => world.run('doctor', '--dns', '--dns-server', dns.address, ...args);
    const { code, stdout } = await doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ dmarc +no DMARC record\n +Set: _dmarc\.home\.example\. IN TXT "v=DMARC1; p=reject/);
    dns.zones['_dmarc.home.example'] = { TXT: ['v=DMARC1; p=reject'] };
    expect(await doctor('--json')).toMatchObject({ code: 0, lines: [{ ok: true }] });
    expect((await doctor('--host', 'mx.home.example')).code).toBe(1);
  });
});
