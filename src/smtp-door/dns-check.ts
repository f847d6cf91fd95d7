/**
 * Whether the world finds in DNS what `restante dns` prints, and what else mail servers look for: what is wrong, and what to
 * do. Asks for records and changes nothing.
 */
import type { Clock } from '../base/index.ts';
import type { DnsResolver, DnsType } from '../base/system/index.ts';
import { withMessageDns } from './authentication/message-dns.ts';
import { judgeSpf } from './authentication/spf.ts';
import { type DnsRecord, dnsRecordsOf, type HomePlace } from './dns-records.ts';
import { matchesPolicy, parseStsPolicy, stsIdOf } from './outbound/sts-policy.ts';
import { ownPolicyId } from './own-policy.ts';

export interface DnsCheckDeps {
  readonly clock: Clock;
  readonly dns: DnsResolver;
}

export interface DnsFinding {
  readonly name: 'address' | 'mx' | 'ptr' | 'srv' | 'spf' | 'dmarc' | 'dkim' | 'mta-sts';
  readonly ok: boolean;
  readonly detail: string;
  /** Where it is not well. */
  readonly fix?: string;
}

export async function checkDns(deps: DnsCheckDeps, place: HomePlace, signal: AbortSignal): Promise<DnsFinding[]> {
  return new DnsCheck(deps, place, signal).run();
}

class DnsCheck {
  readonly #deps: DnsCheckDeps;
  readonly #place: HomePlace;
  readonly #signal: AbortSignal;
  readonly #wanted: readonly DnsRecord[];

  constructor(deps: DnsCheckDeps, place: HomePlace, signal: AbortSignal) {
    this.#deps = deps;
    this.#place = place;
    this.#signal = signal;
    this.#wanted = dnsRecordsOf(place);
  }

  async run(): Promise<DnsFinding[]> {
    const addresses = await this.#answer('address', () => this.#addresses());
    const findings = [
      addresses.finding,
      await this.#judge('srv', () => this.#srv()),
      await this.#judge('mx', () => this.#mx()),
      await this.#judge('spf', () => this.#spf(addresses.found)),
      await this.#judge('dmarc', () => this.#dmarc()),
      await this.#judge('dkim', () => this.#dkim()),
      await this.#judge('mta-sts', () => this.#mtaSts()),
    ];
    // Who neither takes nor sends mail needs no name for its address.
    if (this.#place.hasDoor || this.#isSending)
      findings.push(await this.#judge('ptr', () => this.#ptr(addresses.found)));
    return findings;
  }

  get #isSending(): boolean {
    return this.#place.dkim.length > 0;
  }

  /** A server that does not answer is a finding too. */
  async #judge(name: DnsFinding['name'], judge: () => Promise<Omit<DnsFinding, 'name'>>): Promise<DnsFinding> {
    try {
      return { name, ...(await judge()) };
    } catch (error) {
      this.#signal.throwIfAborted();
      const detail = `DNS does not answer: ${error instanceof Error ? error.message : String(error)}`;
      return { name, ok: false, detail, fix: 'Try again; or name another server with --dns-server.' };
    }
  }

  async #answer(
    name: DnsFinding['name'],
    ask: () => Promise<readonly string[]>,
  ): Promise<{ readonly found: readonly string[]; readonly finding: DnsFinding }> {
    const { host } = this.#place;
    let found: readonly string[] = [];
    const finding = await this.#judge(name, async () => {
      found = await ask();
      if (found.length > 0) return { ok: true, detail: `${host} is ${found.join(', ')}` };
      const fix = `Set an A record, and AAAA if the machine has IPv6, for ${host}; or name the machine with --host.`;
      return { ok: false, detail: `${host} has no address`, fix };
    });
    return { found, finding };
  }

  async #addresses(): Promise<readonly string[]> {
    const { host } = this.#place;
    return [...(await this.#records(host, 'A')), ...(await this.#records(host, 'AAAA'))];
  }

  /** Whoever has never written to this home, and finds it silent, knows by this alone that it is one. */
  async #srv(): Promise<Omit<DnsFinding, 'name'>> {
    const { home, host, port } = this.#place;
    const name = `_restante._tcp.${home}`;
    const found = await this.#deps.dns.records(name, 'SRV', this.#signal);
    const places = found.map((record) => `${record.name.toLowerCase().replace(/\.$/, '')}:${record.port}`);
    const others = places.filter((place) => place !== `${host}:${port}`);
    // A home of several nodes names each of them.
    if (others.length < places.length) return { ok: true, detail: `homes find it at ${places.join(', ')}` };
    const detail =
      places.length === 0
        ? 'no SRV record: while this home is down, whoever writes to it for the first time may do so in the clear'
        : `homes look for it at ${places.join(', ')}, not at ${host}:${port}`;
    return { ok: false, detail, fix: this.#fix('SRV', name) };
  }

  async #mx(): Promise<Omit<DnsFinding, 'name'>> {
    const { hasDoor, home, host } = this.#place;
    const found = await this.#deps.dns.records(home, 'MX', this.#signal);
    const names = found.map(({ exchange }) => exchange.toLowerCase().replace(/\.$/, ''));
    const others = names.filter((name) => name !== '');
    if (!hasDoor)
      return others.length === 0
        ? { ok: true, detail: 'no mail comes by SMTP, and DNS says none other' }
        : {
            ok: false,
            detail: `mail is brought to ${others.join(', ')}, and this home has no door`,
            fix: this.#fix('MX'),
          };
    if (names.includes(host)) return { ok: true, detail: `mail is brought to ${names.join(', ')}` };
    const detail = names.length === 0 ? 'no MX record' : `mail is brought to ${names.join(', ')}, not to ${host}`;
    return { ok: false, detail, fix: this.#fix('MX') };
  }

  async #spf(addresses: readonly string[]): Promise<Omit<DnsFinding, 'name'>> {
    const { home } = this.#place;
    const found = (await this.#records(home, 'TXT')).filter((text) => /^v=spf1(\s|$)/i.test(text));
    const fix = this.#fix('TXT', home);
    if (found.length !== 1)
      return {
        ok: false,
        detail: found.length === 0 ? 'no SPF record' : `${found.length} SPF records: none counts`,
        fix,
      };
    const [record = ''] = found;
    if (!this.#isSending)
      return /\s-all$/i.test(record)
        ? { ok: true, detail: record }
        : { ok: false, detail: `${record} lets others send in its name, and this home sends nothing`, fix };
    for (const remote of addresses) {
      const { result } = await withMessageDns(this.#deps, (resolver) =>
        judgeSpf({ remote, helo: this.#place.host, sender: `postmaster@${home}` }, home, resolver),
      );
      // A home that sends through a relay has the relay's networks there, and not its own.
      if (result !== 'pass')
        return {
          ok: false,
          detail: `${record} gives ${result} for ${remote}`,
          fix: `${fix} Through a relay it is as its operator says.`,
        };
    }
    return { ok: true, detail: record };
  }

  async #dmarc(): Promise<Omit<DnsFinding, 'name'>> {
    const name = `_dmarc.${this.#place.home}`;
    const found = (await this.#records(name, 'TXT')).filter((text) => /^v=DMARC1\s*(;|$)/i.test(text));
    const fix = this.#fix('TXT', name);
    if (found.length !== 1)
      return {
        ok: false,
        detail: found.length === 0 ? 'no DMARC record' : `${found.length} DMARC records: none counts`,
        fix,
      };
    const [record = ''] = found;
    return /;\s*p\s*=\s*(reject|quarantine)\b/i.test(record)
      ? { ok: true, detail: record }
      : { ok: false, detail: `${record} asks for nothing: forged mail in its name is taken`, fix };
  }

  async #dkim(): Promise<Omit<DnsFinding, 'name'>> {
    const wanted = this.#wanted.filter(({ name }) => name.includes('._domainkey.'));
    if (!this.#isSending) return { ok: true, detail: 'no mail is signed here' };
    for (const { name, value } of wanted) {
      const found = await this.#records(name.replace(/\.$/, ''), 'TXT');
      const isThere = found.some((text) => spelled(text) === spelled(value.replaceAll('" "', '').replaceAll('"', '')));
      if (isThere) continue;
      const detail = found.length === 0 ? `${name} has no key` : `${name} has another key than this home signs with`;
      return { ok: false, detail, fix: this.#fix('TXT', name.replace(/\.$/, '')) };
    }
    return { ok: true, detail: `${wanted.length} keys are there` };
  }

  async #mtaSts(): Promise<Omit<DnsFinding, 'name'>> {
    const { hasDoor, home, host: machine, stsPolicy } = this.#place;
    const name = `_mta-sts.${home}`;
    const found = (await this.#records(name, 'TXT')).filter((text) => /^v=STSv1\b/.test(text));
    if (found.length > 1) return { ok: false, detail: 'several records: none counts', fix: 'Leave one.' };
    if (found.length === 0 && stsPolicy === undefined)
      return { ok: true, detail: 'not set: mail servers may be talked into bringing mail in the clear (RFC 8461)' };
    // A policy of another server's is that one's to judge.
    if (stsPolicy === undefined) return { ok: true, detail: found[0] ?? '' };
    if (stsIdOf(found) !== ownPolicyId(stsPolicy)) {
      const detail =
        found.length === 0 ? 'nobody hears of the policy' : `${found[0]} is not of the policy that is here`;
      return { ok: false, detail, fix: this.#fix('TXT', name) };
    }
    const policy = parseStsPolicy(stsPolicy);
    if (hasDoor && policy !== undefined && !matchesPolicy(policy, machine))
      return {
        ok: false,
        detail: `the policy names ${policy.mx.join(', ')}, and mail is brought to ${machine}`,
        fix: `Start the home with --smtp-mx ${machine}, and every other machine with a door.`,
      };
    const host = `mta-sts.${home}`;
    const addresses = [...(await this.#records(host, 'A')), ...(await this.#records(host, 'AAAA'))];
    if (addresses.length === 0)
      return { ok: false, detail: `${host} has no address: nobody finds the policy`, fix: this.#fix('CNAME', host) };
    return { ok: true, detail: found[0] ?? '' };
  }

  /** Many mail servers take nothing from an address without a name that leads back to it. */
  async #ptr(addresses: readonly string[]): Promise<Omit<DnsFinding, 'name'>> {
    for (const address of addresses) {
      const names = (await this.#records(reverseOf(address), 'PTR')).map((name) =>
        name.toLowerCase().replace(/\.$/, ''),
      );
      if (names.includes(this.#place.host)) continue;
      const detail = names.length === 0 ? `${address} has no name` : `${address} is called ${names.join(', ')}`;
      return {
        ok: false,
        detail,
        fix: `Ask whose network it is (the provider) to call ${address} ${this.#place.host}.`,
      };
    }
    return { ok: true, detail: `${addresses.join(', ')} lead back to ${this.#place.host}` };
  }

  #records<Type extends Exclude<DnsType, 'MX' | 'SRV'>>(name: string, type: Type): Promise<readonly string[]> {
    return this.#deps.dns.records(name, type, this.#signal);
  }

  /** The record as `restante dns` prints it. */
  #fix(type: DnsRecord['type'], name: string = this.#place.home): string {
    const record = this.#wanted.find((wanted) => wanted.type === type && wanted.name === `${name}.`);
    return record === undefined ? '`restante dns` shows it.' : `Set: ${record.name} IN ${record.type} ${record.value}`;
  }
}

/** Spaces may stand anywhere between the tags of a key. */
function spelled(record: string): string {
  return record.replace(/\s+/g, '');
}

/** The name under which an address has names (RFC 1035, 3.5; RFC 3596, 2.5). */
function reverseOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [before = '', after = ''] = address.split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const [first, last] = [groups(before), groups(after)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  const digits = [...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join('');
  return `${digits.split('').reverse().join('.')}.ip6.arpa`;
}
