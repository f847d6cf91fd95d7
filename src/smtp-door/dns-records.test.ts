import { describe, expect, test } from 'vitest';
import { parseHomeName } from '../protocol/index.ts';
import { dnsRecordsOf, type HomePlace } from './dns-records.ts';
import { createDkimKeys } from './outbound/dkim.ts';
import { stsIdOf } from './outbound/sts-policy.ts';
import { ownPolicyText } from './own-policy.ts';

const PLACE: HomePlace = {
  home: parseHomeName('home.example'),
  host: 'mail.home.example',
  port: 443,
  hasDoor: true,
  dkim: [],
  stsPolicy: undefined,
};

function recordOf(place: HomePlace, name: string, type: string): string | undefined {
  return dnsRecordsOf(place).find((record) => record.name === name && record.type === type)?.value;
}

describe('the records of a home', () => {
  test('lead to its node and its door', () => {
    expect(recordOf(PLACE, '_restante._tcp.home.example.', 'SRV')).toBe('10 10 443 mail.home.example.');
    expect(recordOf(PLACE, 'home.example.', 'MX')).toBe('10 mail.home.example.');
    expect(recordOf({ ...PLACE, port: 7896 }, '_restante._tcp.home.example.', 'SRV')).toContain(' 7896 ');
  });

  test('say that there is no door, where there is none', () => {
    expect(recordOf({ ...PLACE, hasDoor: false }, 'home.example.', 'MX')).toBe('0 .');
  });

  test('say where its MTA-STS policy is, and which one it is', () => {
    const policy = ownPolicyText('enforce', ['mail.home.example']);
    const place = { ...PLACE, stsPolicy: policy };
    expect(recordOf(place, 'mta-sts.home.example.', 'CNAME')).toBe('mail.home.example.');
    const record = recordOf(place, '_mta-sts.home.example.', 'TXT') ?? '';
    expect(stsIdOf([record.replaceAll('"', '')])).toMatch(/^[0-9a-f]{20}$/);
    const other = { ...PLACE, stsPolicy: ownPolicyText('testing', ['mail.home.example']) };
    expect(recordOf(other, '_mta-sts.home.example.', 'TXT')).not.toBe(record);
    expect(recordOf(PLACE, '_mta-sts.home.example.', 'TXT')).toBeUndefined();
  });

  test('say that nobody sends by SMTP in its name', () => {
    expect(recordOf(PLACE, 'home.example.', 'TXT')).toBe('"v=spf1 -all"');
    expect(recordOf(PLACE, '_dmarc.home.example.', 'TXT')).toContain('p=reject');
    expect(recordOf(PLACE, '*._domainkey.home.example.', 'TXT')).toBe('"v=DKIM1; p="');
  });

  test('of one that sends say from where, and by which keys', async () => {
    const dkim = await createDkimKeys(Date.UTC(2026, 10, 22));
    const sending = { ...PLACE, dkim };
    expect(recordOf(sending, 'home.example.', 'TXT')).toBe('"v=spf1 mx a:mail.home.example -all"');
    const rsa = recordOf(sending, 'r20261122._domainkey.home.example.', 'TXT') ?? '';
    expect(rsa).toMatch(/^"v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{237}" "[A-Za-z0-9+/]+=*"$/);
    expect(recordOf(sending, 'e20261122._domainkey.home.example.', 'TXT')).toMatch(
      /^"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}="$/,
    );
    expect(recordOf(sending, '*._domainkey.home.example.', 'TXT')).toBeUndefined();
  });
});
