/** DNS without a network: what a test's zones say. A name that `fails` cannot be asked for; others that are not there have nothing. */
import type { DnsRecords, DnsResolver, DnsType } from '../../src/base/system/index.ts';
import type { Zones } from './dns-server.ts';

export class ZoneDns implements DnsResolver {
  readonly zones: Zones;
  /** What was asked, as `TXT home.example`. */
  readonly asked: string[] = [];

  constructor(zones: Zones = {}) {
    this.zones = zones;
  }

  async records<Type extends DnsType>(
    name: string,
    type: Type,
    _signal?: AbortSignal,
  ): Promise<readonly DnsRecords[Type][]> {
    this.asked.push(`${type} ${name}`);
    const zone = this.zones[name.toLowerCase()];
    if (zone?.fails === true) throw new Error('no server answers');
    const texts = zone?.[type] ?? [];
    const found = type === 'MX' ? texts.map(mx) : type === 'SRV' ? texts.map(srv) : texts;
    return found as readonly DnsRecords[Type][];
  }
}

function srv(text: string): DnsRecords['SRV'] {
  const [priority, weight, port, name = ''] = text.split(' ');
  return { priority: Number(priority), weight: Number(weight), port: Number(port), name };
}

function mx(text: string): DnsRecords['MX'] {
  const [priority = '', exchange = ''] = text.split(' ');
  return { priority: Number(priority), exchange };
}
