/** A node that sends ordinary mail, on a clock that tests move; what it sends goes to servers on this machine. */
import { SeededPrng, SeededSecureRandom, SILENT_LOG } from '../../src/base/index.ts';
import type { DnsRecords, DnsResolver, DnsType } from '../../src/base/system/index.ts';
import { Metrics } from '../../src/node/index.ts';
import { Outbound, type OutboundOptions } from '../../src/smtp-door/index.ts';
import type { NodeWorld } from './node-world.ts';

/** Names and what they have, by type; a name that is not there has nothing. */
export type Zone = Readonly<Record<string, { readonly [Type in DnsType]?: readonly DnsRecords[Type][] }>>;

export class ZoneDns implements DnsResolver {
  readonly asked: string[] = [];
  zone: Zone;
  /** No server answers. */
  isSilent = false;

  constructor(zone: Zone) {
    this.zone = zone;
  }

  async records<Type extends DnsType>(name: string, type: Type): Promise<readonly DnsRecords[Type][]> {
    this.asked.push(`${type} ${name}`);
    if (this.isSilent) throw new Error('no server of DNS answers');
    return (this.zone[name]?.[type] ?? []) as readonly DnsRecords[Type][];
  }
}

export interface LetterWorldOptions extends Partial<OutboundOptions> {
  readonly zone?: Zone;
}

/** Carries the letters of a node from now on. */
export async function openOutbound(
  world: NodeWorld,
  { zone = {}, ...options }: LetterWorldOptions = {},
): Promise<Outbound> {
  const outbound = await Outbound.open(
    {
      clock: world.clock,
      random: new SeededSecureRandom(7),
      prng: new SeededPrng(7),
      log: SILENT_LOG,
      dns: new ZoneDns(zone),
      dialer: {
        request: async () => {
          throw new Error('nobody serves a policy');
        },
      },
      registry: new Metrics().registry,
      doorway: () => world.core.doorway,
    },
    {
      home: world.home,
      name: 'mail.home.example',
      relay: undefined,
      allowPrivate: true,
      port: 25,
      bytesMax: 25 * 1024 * 1024,
      key: new Uint8Array(32).fill(7),
      dkim: [],
      ...options,
    },
  );
  world.letters.carry(outbound);
  return outbound;
}

/** A server on this machine, as what an operator sends everything through. */
export function relayTo(port: number): NonNullable<OutboundOptions['relay']> {
  return { host: '127.0.0.1', port, security: 'opportunistic', auth: undefined };
}
