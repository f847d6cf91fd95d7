import { describe, expect, test } from 'vitest';
import { STS_MAX_AGE_SECONDS, STS_PATTERNS_MAX } from './limits.ts';
import { matchesPolicy, parseStsPolicy, stsIdOf } from './sts-policy.ts';

/** RFC 8461, 3.2. */
const POLICY = 'version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n';

describe('a policy', () => {
  test('is read as the RFC has it, whatever ends its lines, and with fields that are not known', () => {
    const read = { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAgeSeconds: 604_800 };
    expect(parseStsPolicy(POLICY)).toEqual(read);
    expect(parseStsPolicy(POLICY.replaceAll('\r', ''))).toEqual(read);
    expect(parseStsPolicy(`${POLICY}later: thing\r\nmode: none\r\n`)).toEqual(read);
    expect(parseStsPolicy(POLICY.replace('604800', '9999999999'))?.maxAgeSeconds).toBe(STS_MAX_AGE_SECONDS);
    expect(parseStsPolicy('version: STSv1\nmode: none\nmax_age: 1\n')).toMatchObject({ mode: 'none', mx: [] });
  });

  test.each([
    ['', 'nothing'],
    [POLICY.replace('STSv1', 'STSv2'), 'another version'],
    [POLICY.replace('enforce', 'perhaps'), 'another mode'],
    [POLICY.replace(/mx: .*\r\n/g, ''), 'no server'],
    [POLICY.replace('604800', 'long'), 'no age'],
    [POLICY.replace('*.Example.net', '*.*.net'), 'two stars'],
    [POLICY.replace('*.Example.net', 'mx*.example.net'), 'a star within'],
    [POLICY + 'mx: a.example\r\n'.repeat(STS_PATTERNS_MAX), 'too many servers'],
  ])('%j is none (%s)', (text) => {
    expect(parseStsPolicy(text)).toBeUndefined();
  });

  test('names a server, and with a star one label before a name', () => {
    const policy = parseStsPolicy(POLICY);
    if (policy === undefined) throw new Error('no policy');
    const fit = [
      'mail.example.com',
      'a.example.net',
      'x.mail.example.com',
      'a.b.example.net',
      'example.net',
      'evil.com',
    ];
    expect(fit.filter((host) => matchesPolicy(policy, host))).toEqual(['mail.example.com', 'a.example.net']);
  });
});

test('which policy there is says one record, and no more', () => {
  expect(stsIdOf(['v=STSv1; id=20160831085700Z;'])).toBe('20160831085700Z');
  expect(stsIdOf(['something else', 'v=STSv1;id=7'])).toBe('7');
  for (const records of [[], ['v=STSv1; id=1', 'v=STSv1; id=2'], ['v=STSv1'], ['v=STSv10; id=1'], ['v=STSv1; id=a b']])
    expect(stsIdOf(records), records.join()).toBeUndefined();
});
