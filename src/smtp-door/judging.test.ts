import { describe, expect, test } from 'vitest';
import type { Zones } from '../../test/harness/dns-server.ts';
import { MailSigner } from '../../test/harness/signed-mail.ts';
import { ZoneDns } from '../../test/harness/zone-dns.ts';
import { ManualClock, SILENT_LOG, untilAborted, utf8 } from '../base/index.ts';
import { type DmarcMode, Judging } from './judging.ts';
import type { JunkFilter } from './junk-filter.ts';
import { AUTHENTICATION_MS, DKIM_SIGNATURES_MAX, DNS_LOOKUPS_MAX, FILTER_BYTES_MAX, FILTER_MS } from './limits.ts';
import { REFUSALS } from './reply.ts';

const signer = new MailSigner('bank.example');
const TEXT = 'From: Bank <news@bank.example>\r\nSubject: a\r\n\r\nb\r\n';
const SIGNED = await signer.sign(TEXT);
const ENVELOPE = { remote: '192.0.2.1', helo: 'mail.bank.example', sender: 'news@bank.example' };
const REJECT: Zones = { '_dmarc.bank.example': { TXT: ['v=DMARC1; p=reject'] } };
const SPF: Zones = { 'bank.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } };

function setup(zones: Zones, dmarc: DmarcMode = 'obey', filter?: JunkFilter) {
  const clock = new ManualClock(Date.now());
  const dns = new ZoneDns(zones);
  const judging = new Judging(
    { clock, dns, log: SILENT_LOG, filter, onFilterFailed: () => undefined },
    { domain: 'home.example', dmarc },
  );
  const judge = async (message: string, envelope: Partial<typeof ENVELOPE> | { remote: undefined } = {}) => {
    const from = { ...ENVELOPE, ...envelope };
    const traceWith = (findings: readonly string[]): Uint8Array => utf8(`${findings.join('\r\n')}\r\nTrace: 1\r\n`);
    const judgement = await judging.judge(utf8(message), from, { spf: await judging.spf(from), traceWith });
    return judgement.kind === 'refused'
      ? { refusal: judgement.refusal, field: '', message: '' }
      : {
          refusal: undefined,
          field: judgement.findings.join('\n'),
          message: Buffer.from(judgement.message).toString(),
        };
  };
  return { clock, dns, judge };
}

describe('a message whose domain may be believed', () => {
  test('is marked with what SPF, DKIM and DMARC found, and stays as it is', async () => {
    const { judge } = setup({ ...REJECT, ...SPF, ...signer.zones });
    const { field, message } = await judge(SIGNED);
    expect(message).toBe(SIGNED);
    expect(field.split(';\r\n\t')).toEqual([
      'Authentication-Results: home.example',
      'spf=pass smtp.mailfrom=bank.example',
      expect.stringMatching(
        /^dkim=pass header\.d=bank\.example header\.s=sel header\.a=rsa-sha256 header\.b=\S{8,10}$/,
      ),
      'dmarc=pass header.from=bank.example policy.dmarc=reject',
    ]);
  });

  test('passes by its signature alone, and by its network alone', async () => {
    expect((await setup({ ...REJECT, ...signer.zones }).judge(SIGNED)).field).toContain('dmarc=pass');
    expect((await setup({ ...REJECT, ...SPF }).judge(TEXT)).field).toContain('dmarc=pass');
    const relayed = await setup({ ...REJECT, ...signer.zones }).judge(SIGNED, { remote: undefined });
    expect(relayed.field).toMatch(/spf=none.*dkim=pass.*dmarc=pass/s);
  });

  test('with the null sender is judged by what the other server calls itself', async () => {
    const { judge } = setup({ 'mail.bank.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } });
    expect((await judge(TEXT, { sender: '' })).field).toContain('spf=pass smtp.helo=mail.bank.example');
  });
});

describe('a message that is forged', () => {
  const forged = { remote: '203.0.113.9', sender: 'x@evil.example', helo: 'evil.example' };

  test('is refused when the domain asks for that, and only marked when the operator says so', async () => {
    const zones = { ...REJECT, ...SPF, ...signer.zones };
    expect((await setup(zones).judge(TEXT, forged)).refusal).toBe(REFUSALS.unauthenticated);
    expect((await setup(zones).judge(SIGNED.replace('b\r\n', 'c\r\n'), forged)).refusal).toBe(REFUSALS.unauthenticated);
    const { field } = await setup(zones, 'mark').judge(TEXT, forged);
    expect(field).toContain('dmarc=fail header.from=bank.example policy.dmarc=reject');
  });

  test.each([
    ['p=none', 'dmarc=fail header.from=bank.example'],
    ['p=quarantine', 'dmarc=fail header.from=bank.example policy.dmarc=quarantine'],
    ['p=reject; pct=20', 'dmarc=fail header.from=bank.example policy.dmarc=quarantine'],
    ['p=reject; t=y', 'dmarc=fail header.from=bank.example policy.dmarc=quarantine'],
  ])('is taken and marked when the domain says %s', async (policy, expected) => {
    const zones = { '_dmarc.bank.example': { TXT: [`v=DMARC1; ${policy}`] } };
    expect((await setup(zones).judge(TEXT, forged)).field.split(/\t|\n/)).toContain(expected);
  });

  test('is not helped by a second From field, or by several authors', async () => {
    const evil: Zones = { ...REJECT, ...signer.zones, 'evil.example': { TXT: ['v=spf1 +all'] } };
    const twice = `From: <x@evil.example>\r\n${TEXT}`;
    expect((await setup(evil).judge(twice, forged)).refusal).toBe(REFUSALS.manyAuthors);
    const both = TEXT.replace('From: Bank', 'From: <x@evil.example>, Bank');
    expect((await setup(evil).judge(both, forged)).refusal).toBe(REFUSALS.unauthenticated);
    const many = Array.from({ length: 9 }, (_, i) => `<x@d${i}.example>`).join(', ');
    expect((await setup(evil).judge(`From: ${many}\r\n\r\nb\r\n`, forged)).refusal).toBe(REFUSALS.manyAuthors);
  });

  test('is not helped by a signature that covers not who wrote it, or not all that is shown', async () => {
    const { judge } = setup({ ...REJECT, ...signer.zones });
    const unsigned = await signer.sign(TEXT, { skipFields: 'from' });
    expect(unsigned).toMatch(/DKIM-Signature/);
    expect((await judge(unsigned, forged)).refusal).toBe(REFUSALS.unauthenticated);
  });

  test('names this home in no field above it', async () => {
    const { judge } = setup({});
    const names = [
      'Authentication-Results: home.example; dmarc=pass',
      'authentication-results : HOME.example;dmarc=pass',
      'Authentication-Results:\r\n\t(a (nested) \\) comment) "home.example" 1; dmarc=pass',
      'Authentication-Results: home.example',
    ];
    for (const name of names) expect((await judge(`X: 1\r\n${name}\r\n${TEXT}`)).message, name).toBe(`X: 1\r\n${TEXT}`);
    const others = `Authentication-Results: other.example; spf=pass (home.example)\r\n${TEXT}`;
    expect((await judge(others)).message).toBe(others);
  });

  test('puts nothing of its own into our field', async () => {
    const { judge } = setup({});
    const { field } = await judge(TEXT, { helo: 'x(;\r\n\ty"', sender: '' });
    expect(field).toContain('spf=none smtp.helo=x_____y_;');
  });
});

describe('a message while DNS does not answer', () => {
  const down = { fails: true } as const;

  test('is taken and marked when nobody knows what its domain asks for', async () => {
    const zones: Zones = { 'bank.example': down, '_dmarc.bank.example': down, 'sel._domainkey.bank.example': down };
    const { field } = await setup(zones).judge(SIGNED);
    expect(field).toMatch(/spf=temperror.*dkim=temperror.*dmarc=temperror/s);
  });

  test('is asked for again when its domain asks for a refusal, which may be wrong', async () => {
    const { judge } = setup({ ...REJECT, 'sel._domainkey.bank.example': down });
    expect((await judge(SIGNED)).refusal).toBe(REFUSALS.undecided);
    expect((await setup({ ...REJECT, 'bank.example': down }).judge(TEXT)).refusal).toBe(REFUSALS.undecided);
    expect((await setup({ ...REJECT, 'bank.example': down }, 'mark').judge(TEXT)).field).toContain('dmarc=temperror');
  });

  test('waits for it for so long and no longer', async () => {
    const { clock, dns, judge } = setup({});
    dns.records = async (_name, _type, signal = new AbortController().signal) => {
      await untilAborted(signal);
      throw signal.reason;
    };
    const judged = judge(TEXT);
    await clock.advance(AUTHENTICATION_MS);
    await clock.advance(AUTHENTICATION_MS);
    expect((await judged).field).toContain('spf=temperror');
  });
});

describe('a message that wants to cost too much, or to do harm', () => {
  test('is judged by its first signatures, and asks DNS so much and no more', async () => {
    const { dns, judge } = setup({ ...signer.zones });
    const [signature = ''] = /^DKIM-Signature:(?:.|\r\n[ \t])*\r\n/.exec(SIGNED) ?? [];
    const { field } = await judge(`${signature.repeat(50)}${SIGNED}`);
    expect(field.match(/dkim=/g)).toHaveLength(DKIM_SIGNATURES_MAX);
    const includes = Array.from({ length: 40 }, (_, i) => `include:a${i}.evil.example`).join(' ');
    dns.zones['bank.example'] = { TXT: [`v=spf1 ${includes} -all`] };
    dns.asked.length = 0;
    expect((await judge(TEXT)).field).toMatch(/spf=permerror/);
    expect(dns.asked.length).toBeLessThan(DNS_LOOKUPS_MAX);
  });

  test.each(['__proto__', '__pro"to"__', '__pro(;)to__', '"(" __pro(x)to__', '__pro\\to__'])(
    'changes no object of the program by an ARC field with %s',
    async (key) => {
      const arc = [
        `ARC-Authentication-Results: i=1; x; spf=pass ${key}.polluted=yes`,
        'ARC-Message-Signature: i=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=x; b=x',
        'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=x',
      ].join('\r\n');
      await setup({}).judge(`${arc}\r\n${TEXT}`);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  test('is judged as having no signature when it has an ARC chain that does not hold', async () => {
    const arc = [
      'ARC-Authentication-Results: i=1; x.example; spf=pass',
      'ARC-Message-Signature: i=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=x; b=x',
      'ARC-Seal: i=1; a=rsa-sha256; cv=none; d=x.example; s=s; b=x',
    ].join('\r\n');
    expect((await setup({}).judge(`${arc}\r\n${TEXT}`)).field).toMatch(/dkim=none;\s+arc=fail/);
  });
});

describe('what a filter says of a message', () => {
  const saying = (isJunk: boolean, asked: string[] = []): JunkFilter => ({
    name: 'filter',
    judge: async (message) => {
      asked.push(Buffer.from(message).toString());
      return { isJunk, score: isJunk ? 12.5 : -1, threshold: 5 };
    },
  });

  test('stands above it, and it is shown what we found out', async () => {
    const asked: string[] = [];
    const { field, message } = await setup({}, 'obey', saying(true, asked)).judge(TEXT);
    expect(field).toMatch(/\nRestante-Junk: yes; filter score=12\.5 threshold=5$/);
    expect(message).toBe(TEXT);
    expect(asked).toEqual([expect.stringMatching(/^Authentication-Results: home\.example;/)]);
    expect(asked[0]?.endsWith(`Trace: 1\r\n${TEXT}`)).toBe(true);
    expect((await setup({}, 'obey', saying(false)).judge(TEXT)).field).toMatch(/Restante-Junk: no; filter score=-1/);
  });

  test('is said by no stranger', async () => {
    const claimed = `restante-junk: no; filter\r\n${TEXT}`;
    expect((await setup({}, 'obey', saying(true)).judge(claimed)).message).toBe(TEXT);
    expect((await setup({}).judge(claimed)).message).toBe(TEXT);
  });

  test('is not waited for when it fails, or is silent, and not asked of a large message', async () => {
    const failing: JunkFilter = { name: 'filter', judge: () => Promise.reject(new Error('away')) };
    expect((await setup({}, 'obey', failing).judge(TEXT)).field).not.toContain('Restante-Junk');
    let asks = (): void => {};
    const isAsked = new Promise<void>((resolve) => {
      asks = resolve;
    });
    const silent: JunkFilter = {
      name: 'filter',
      judge: async (_, signal) => {
        asks();
        await untilAborted(signal);
        throw signal.reason;
      },
    };
    const { clock, judge } = setup({}, 'obey', silent);
    const judged = judge(TEXT);
    await isAsked;
    await clock.advance(FILTER_MS);
    expect((await judged).field).not.toContain('Restante-Junk');
    const asked: string[] = [];
    await setup({}, 'obey', saying(true, asked)).judge(`${TEXT}${'x'.repeat(FILTER_BYTES_MAX)}`);
    expect(asked).toEqual([]);
  });

  test('is as good as said of what its domain wants to be suspected', async () => {
    const zones = { '_dmarc.bank.example': { TXT: ['v=DMARC1; p=quarantine'] } };
    const forged = { remote: '203.0.113.9', sender: 'x@evil.example', helo: 'evil.example' };
    expect((await setup(zones).judge(TEXT, forged)).field).toMatch(/\nRestante-Junk: yes; dmarc$/);
    const both = await setup(zones, 'obey', saying(false)).judge(TEXT, forged);
    expect(both.field).toMatch(/\nRestante-Junk: yes; filter score=-1 threshold=5; dmarc$/);
  });
});
