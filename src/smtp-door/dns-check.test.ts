import { describe, expect, test } from 'vitest';
import type { Zones } from '../../test/harness/dns-server.ts';
import { ZoneDns } from '../../test/harness/zone-dns.ts';
import { ManualClock } from '../base/index.ts';
import { parseHomeName } from '../protocol/index.ts';
import { checkDns } from './dns-check.ts';
import { dnsRecordsOf, type HomePlace } from './dns-records.ts';
import { createDkimKeys } from './outbound/dkim.ts';
import { ownPolicyText } from './own-policy.ts';

const NEVER = new AbortController().signal;
const SENDING: HomePlace = {
  home: parseHomeName('home.example'),
  host: 'mail.home.example',
  port: 443,
  hasDoor: true,
  dkim: await createDkimKeys(0),
  stsPolicy: ownPolicyText('enforce', ['mail.home.example']),
};
const SILENT: HomePlace = { ...SENDING, dkim: [], stsPolicy: undefined };

/** What an operator has who set all that was printed. */
function zonesOf(place: HomePlace): Zones {
  const zones: Record<string, { A?: string[]; MX?: string[]; SRV?: string[]; TXT?: string[] }> = {};
  for (const { name, type, value } of dnsRecordsOf(place)) {
    const key = name.replace(/\.$/, '');
    const zone = zones[key] ?? {};
    zones[key] = zone;
    const text = value.replaceAll('" "', '').replaceAll('"', '');
    if (type === 'MX') zone.MX = [...(zone.MX ?? []), text.replace(/\.$/, '')];
    if (type === 'SRV') zone.SRV = [...(zone.SRV ?? []), text];
    // As a resolver answers.
    if (type === 'CNAME') zone.A = ['192.0.2.7'];
    if (type === 'TXT') zone.TXT = [...(zone.TXT ?? []), text];
  }
  return {
    ...zones,
    'mail.home.example': { A: ['192.0.2.7'], AAAA: ['2001:db8::7'] },
    '7.2.0.192.in-addr.arpa': { PTR: ['mail.home.example'] },
    [`7${'.0'.repeat(23)}.8.b.d.0.1.0.0.2.ip6.arpa`]: { PTR: ['Mail.home.example.'] },
  };
}

async function problems(place: HomePlace, change: (zones: Zones) => Zones = (zones) => zones) {
  const dns = new ZoneDns(change(zonesOf(place)));
  const findings = await checkDns({ clock: new ManualClock(0), dns }, place, NEVER);
  for (const { fix, ok } of findings) expect(fix === undefined).toBe(ok);
  return findings.filter(({ ok }) => !ok);
}

describe('the DNS of a home', () => {
  test.each([
    ['takes and sends mail', SENDING],
    ['takes mail', SILENT],
    ['does neither', { ...SILENT, hasDoor: false }],
  ])('is well when all is set that is printed, for one that %s', async (_, place) => {
    expect(await problems(place)).toEqual([]);
  });

  test.each<[string, string, (zones: Zones) => Zones, RegExp]>([
    [
      'mx',
      'leads elsewhere',
      (zones) => ({ ...zones, 'home.example': { ...zones['home.example'], MX: ['10 mx.old.example'] } }),
      /Set: home\.example\. IN MX 10 mail\.home\.example\.$/,
    ],
    [
      'srv',
      'is missing',
      ({ '_restante._tcp.home.example': _, ...zones }) => zones,
      /Set: _restante\._tcp\.home\.example\. IN SRV 10 10 443 mail\.home\.example\.$/,
    ],
    [
      'srv',
      'leads elsewhere',
      (zones) => ({ ...zones, '_restante._tcp.home.example': { SRV: ['10 10 443 old.home.example.'] } }),
      /IN SRV/,
    ],
    ['mx', 'is missing', (zones) => ({ ...zones, 'home.example': { TXT: zones['home.example']?.TXT ?? [] } }), /IN MX/],
    [
      'spf',
      'stands twice',
      (zones) => ({ ...zones, 'home.example': { ...zones['home.example'], TXT: ['v=spf1 mx -all', 'v=spf1 -all'] } }),
      /IN TXT "v=spf1 mx/,
    ],
    [
      'spf',
      'does not let it send',
      (zones) => ({ ...zones, 'home.example': { ...zones['home.example'], TXT: ['v=spf1 -all'] } }),
      /IN TXT "v=spf1 mx/,
    ],
    ['dmarc', 'is missing', ({ '_dmarc.home.example': _, ...zones }) => zones, /_dmarc\.home\.example\. IN TXT/],
    [
      'dmarc',
      'asks for nothing',
      (zones) => ({ ...zones, '_dmarc.home.example': { TXT: ['v=DMARC1; p=none'] } }),
      /_dmarc/,
    ],
    [
      'ptr',
      'is another’s',
      (zones) => ({ ...zones, '7.2.0.192.in-addr.arpa': { PTR: ['host7.isp.example'] } }),
      /call 192\.0\.2\.7 mail\.home\.example/,
    ],
    ['ptr', 'is missing', ({ '7.2.0.192.in-addr.arpa': _, ...zones }) => zones, /provider/],
    [
      'mta-sts',
      'stands twice',
      (zones) => ({ ...zones, '_mta-sts.home.example': { TXT: ['v=STSv1; id=1', 'v=STSv1; id=2'] } }),
      /Leave one/,
    ],
    [
      'mta-sts',
      'is of the policy before',
      (zones) => ({ ...zones, '_mta-sts.home.example': { TXT: ['v=STSv1; id=1'] } }),
      /Set: _mta-sts\.home\.example\. IN TXT "v=STSv1; id=[0-9a-f]{20}"$/,
    ],
    [
      'mta-sts',
      'leads nowhere',
      ({ 'mta-sts.home.example': _, ...zones }) => zones,
      /Set: mta-sts\.home\.example\. IN CNAME mail\.home\.example\.$/,
    ],
    ['mta-sts', 'is missing', ({ '_mta-sts.home.example': _, ...zones }) => zones, /IN TXT "v=STSv1/],
  ])('is wrong where %s %s, and the fix is said', async (name, _, change, fix) => {
    expect(await problems(SENDING, change)).toEqual([
      { name, ok: false, detail: expect.any(String), fix: expect.stringMatching(fix) },
    ]);
  });

  test('is wrong where the policy names other machines than take mail', async () => {
    const stsPolicy = ownPolicyText('testing', ['mx1.home.example']);
    expect(await problems({ ...SENDING, stsPolicy })).toEqual([
      { name: 'mta-sts', ok: false, detail: expect.any(String), fix: expect.stringContaining('--smtp-mx mail.home.') },
    ]);
  });

  test('is wrong where a key is another than the one that signs', async () => {
    const [name = ''] = Object.keys(zonesOf(SENDING)).filter((key) => key.includes('_domainkey'));
    const change = (zones: Zones): Zones => ({ ...zones, [name]: { TXT: ['v=DKIM1; p=AAAA'] } });
    expect(await problems(SENDING, change)).toMatchObject([
      { name: 'dkim', detail: expect.stringContaining('another key') },
    ]);
  });

  test('is wrong where mail is brought to a home that takes none, and where others may send for it', async () => {
    const change = (zones: Zones): Zones => ({
      ...zones,
      'home.example': { MX: ['10 mail.home.example'], TXT: ['v=spf1 +all'] },
    });
    expect((await problems({ ...SILENT, hasDoor: false }, change)).map(({ name }) => name)).toEqual(['mx', 'spf']);
  });

  test('is not judged where nobody answers, and that is said', async () => {
    const fails = { fails: true } as const;
    const change = (zones: Zones): Zones => Object.fromEntries(Object.keys(zones).map((name) => [name, fails]));
    const found = await problems(SENDING, change);
    expect(found.map(({ name }) => name)).toEqual(['address', 'srv', 'mx', 'spf', 'dmarc', 'dkim', 'mta-sts']);
    expect(found[0]?.detail).toMatch(/^DNS does not answer/);
  });
});
