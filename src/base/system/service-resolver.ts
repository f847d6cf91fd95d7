/** DNS SRV records (RFC 2782): where a name keeps a service, as a port. */
import { Resolver } from 'node:dns/promises';
import { DNS_TRIES, DNS_TRY_MS } from './limits.ts';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

export interface ServiceResolver {
  /**
   * Where the service of a name like `_restante._tcp.home.example` is, best first; empty when DNS says nowhere. Throws when no
   * server of DNS says so: that nobody answers is no answer.
   */
  services(name: string): Promise<readonly ServiceAddress[]>;
}

/** Such names never exist, and no server is asked for them (RFC 6761, 6.4). */
const NEVER_THERE = '.invalid';
const NOT_THERE = new Set(['ENOTFOUND', 'ENODATA']);

export class SystemServiceResolver implements ServiceResolver {
  readonly #resolver = new Resolver({ timeout: DNS_TRY_MS, tries: DNS_TRIES });

  /** `server` is an IP address, with a port if it is not 53; undefined: those of the operating system. */
  constructor(server?: string) {
    if (server !== undefined) this.#resolver.setServers([server]);
  }

  async services(name: string): Promise<readonly ServiceAddress[]> {
    if (name.endsWith(NEVER_THERE)) return [];
    try {
      const records = await this.#resolver.resolveSrv(name);
      // "." says that the service is decidedly not available.
      return records
        .filter((record) => record.name !== '' && record.name !== '.')
        .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
        .map((record) => ({ host: record.name, port: record.port }));
    } catch (error) {
      if (NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  }
}
