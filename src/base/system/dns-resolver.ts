/** DNS records that mail is judged and sent by, as a port. A name without any is an answer; only what cannot be asked throws. */
import type { MxRecord, SrvRecord } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { abortable } from '../deadline.ts';
import { DNS_TRIES, DNS_TRY_MS } from './limits.ts';

/** What a record of each type holds; the strings of a TXT record are one text (RFC 7208, 3.3). */
export interface DnsRecords {
  readonly A: string;
  readonly AAAA: string;
  readonly MX: MxRecord;
  readonly PTR: string;
  readonly SRV: SrvRecord;
  readonly TXT: string;
}

export type DnsType = keyof DnsRecords;

export interface DnsResolver {
  /** Empty: the name has none of this type. Throws when no server says so. */
  records<Type extends DnsType>(name: string, type: Type, signal: AbortSignal): Promise<readonly DnsRecords[Type][]>;
}

const NOT_THERE = new Set(['ENOTFOUND', 'ENODATA']);

export class SystemDnsResolver implements DnsResolver {
  readonly #resolver = new Resolver({ timeout: DNS_TRY_MS, tries: DNS_TRIES });

  /** `server` is an IP address, with a port if it is not 53; undefined: those of the operating system. */
  constructor(server: string | undefined) {
    if (server !== undefined) this.#resolver.setServers([server]);
  }

  async records<Type extends DnsType>(
    name: string,
    type: Type,
    signal: AbortSignal,
  ): Promise<readonly DnsRecords[Type][]> {
    try {
      return (await abortable(this.#ask(name, type), signal)) as readonly DnsRecords[Type][];
    } catch (error) {
      if (NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  }

  async #ask(name: string, type: DnsType): Promise<readonly (string | MxRecord | SrvRecord)[]> {
    switch (type) {
      case 'A':
        return this.#resolver.resolve4(name);
      case 'AAAA':
        return this.#resolver.resolve6(name);
      case 'MX':
        // Newer Nodes say the type, too.
        return (await this.#resolver.resolveMx(name)).map(({ exchange, priority }) => ({ exchange, priority }));
      case 'PTR':
        return this.#resolver.resolvePtr(name);
      case 'SRV':
        return (await this.#resolver.resolveSrv(name)).map(({ name, port, priority, weight }) => ({
          name,
          port,
          priority,
          weight,
        }));
      case 'TXT':
        return (await this.#resolver.resolveTxt(name)).map((strings) => strings.join(''));
    }
  }
}
