/** DNS SRV records (RFC 2782): where a name keeps a service, as a port. */
import { resolveSrv } from 'node:dns/promises';

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

export interface ServiceResolver {
  /** Where the service of a name like `_restante._tcp.home.example` is, best first; empty when it says nowhere. */
  services(name: string): Promise<readonly ServiceAddress[]>;
}

const NOT_THERE = new Set(['ENOTFOUND', 'ENODATA']);

export class SystemServiceResolver implements ServiceResolver {
  async services(name: string): Promise<readonly ServiceAddress[]> {
    try {
      const records = await resolveSrv(name);
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
