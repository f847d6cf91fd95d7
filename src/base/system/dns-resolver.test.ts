import { describe, expect, test } from 'vitest';
import { DnsServer } from '../../../test/harness/dns-server.ts';
import { SystemDnsResolver } from './dns-resolver.ts';

const NEVER = new AbortController().signal;

describe('the DNS of the system', () => {
  test('gives the records of a name, and none of one that has none or does not exist', async () => {
    const key = `v=DKIM1; p=${'x'.repeat(300)}`;
    await using server = await DnsServer.open({
      'home.example': { MX: ['10 mail.home.example'], TXT: ['v=spf1 -all', key] },
      'mail.home.example': { A: ['192.0.2.7'], AAAA: ['2001:db8::7'] },
      '7.2.0.192.in-addr.arpa': { PTR: ['mail.home.example'] },
    });
    const dns = new SystemDnsResolver(server.address);
    expect(await dns.records('home.example', 'TXT', NEVER)).toEqual(['v=spf1 -all', key]);
    expect(await dns.records('home.example', 'MX', NEVER)).toEqual([{ exchange: 'mail.home.example', priority: 10 }]);
    expect(await dns.records('mail.home.example', 'A', NEVER)).toEqual(['192.0.2.7']);
    expect(await dns.records('mail.home.example', 'AAAA', NEVER)).toEqual(['2001:db8::7']);
    expect(await dns.records('7.2.0.192.in-addr.arpa', 'PTR', NEVER)).toEqual(['mail.home.example']);
    expect(await dns.records('home.example', 'AAAA', NEVER)).toEqual([]);
    expect(await dns.records('nobody.example', 'TXT', NEVER)).toEqual([]);
  });

  test('throws when its server cannot tell, and when nobody waits any more', async () => {
    await using server = await DnsServer.open({ 'broken.example': { fails: true } });
    const dns = new SystemDnsResolver(server.address);
    await expect(dns.records('broken.example', 'TXT', NEVER)).rejects.toMatchObject({ code: 'ESERVFAIL' });
    const why = new Error('enough');
    await expect(dns.records('broken.example', 'TXT', AbortSignal.abort(why))).rejects.toBe(why);
  });
});
