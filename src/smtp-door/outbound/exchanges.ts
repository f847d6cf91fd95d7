/** Which mail servers a domain has, in the order of RFC 5321, 5.1; pure, but for the draw among those that are alike. */
import type { Prng } from '../../base/index.ts';
import { EXCHANGES_MAX } from './limits.ts';

export interface Exchange {
  readonly exchange: string;
  readonly priority: number;
}

export type Exchanges =
  /** Best first; at least one. */
  | { readonly kind: 'hosts'; readonly hosts: readonly string[] }
  /** RFC 7505: the domain says that it takes no mail. */
  | { readonly kind: 'none' }
  /** The best of them is this machine: the domain's mail would go in circles. */
  | { readonly kind: 'self' };

export interface ExchangeOptions {
  readonly domain: string;
  /** By which this machine stands in DNS. */
  readonly ownNames: readonly string[];
}

/** `records`: the domain's MX; empty: its mail goes to the domain itself. */
export function exchangesOf(
  prng: Prng,
  records: readonly Exchange[],
  { domain, ownNames }: ExchangeOptions,
): Exchanges {
  if (records.length === 0) return { kind: 'hosts', hosts: [domain] };
  const named = records.map(({ exchange, priority }) => ({ host: plainName(exchange), priority }));
  const hosts = named.filter(({ host }) => host !== '');
  if (hosts.length === 0) return { kind: 'none' };
  // RFC 5321, 5.1: a server that is among them hands on to better ones only.
  const own = Math.min(...hosts.filter(({ host }) => ownNames.includes(host)).map(({ priority }) => priority));
  const better = hosts.filter(({ priority }) => priority < own);
  if (better.length === 0) return { kind: 'self' };
  const drawn = better.map((host) => ({ ...host, draw: prng.next() }));
  drawn.sort((a, b) => a.priority - b.priority || a.draw - b.draw);
  return { kind: 'hosts', hosts: [...new Set(drawn.map(({ host }) => host))].slice(0, EXCHANGES_MAX) };
}

/** Lower case, without the final dot; empty for the root. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
