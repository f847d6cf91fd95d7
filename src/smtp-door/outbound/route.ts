/**
 * Where a domain's mail goes: to the server that the operator names, or to those that DNS names, each at the addresses that
 * policy allows. A policy of the domain itself (RFC 8461) says which of them may be believed.
 */
import type { Prng } from '../../base/index.ts';
import { allowedAddresses, type DnsResolver } from '../../base/system/index.ts';
import { exchangesOf } from './exchanges.ts';
import type { Reply } from './letter.ts';
import { ADDRESSES_PER_EXCHANGE_MAX } from './limits.ts';
import type { MailServer, Security } from './smtp-talk.ts';
import { matchesPolicy, type StsPolicy } from './sts-policy.ts';

/** What a smarthost is reached by. */
export interface Relay {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

export type Route =
  /** In the order in which they are tried; perhaps none that has an address now. */
  | { readonly kind: 'servers'; readonly servers: AsyncIterable<MailServer> }
  /** It cannot be found out now, or not be done: `reply` is 4xx, or final. */
  | { readonly kind: 'nowhere'; readonly reply: Reply };

export interface RouteDeps {
  readonly prng: Prng;
  readonly dns: DnsResolver;
  readonly policyOf: (domain: string, signal: AbortSignal) => Promise<StsPolicy | undefined>;
}

export interface RouteOptions {
  /** Undefined: to the servers of each domain. */
  readonly relay: Relay | undefined;
  /** By which this machine stands in DNS, and the home. */
  readonly ownNames: readonly string[];
  /** Also to loopback and private addresses. A relay is the operator's own word. */
  readonly allowPrivate: boolean;
  /** Of mail servers: 25 anywhere but in tests. */
  readonly port: number;
}

const [A, AAAA] = ['A', 'AAAA'] as const;

export async function routeTo(
  deps: RouteDeps,
  domain: string,
  options: RouteOptions,
  signal: AbortSignal,
): Promise<Route> {
  const { ownNames, port, relay } = options;
  if (relay !== undefined) {
    const { auth, host, security } = relay;
    const server = { name: host, port: relay.port, security, auth };
    return { kind: 'servers', servers: serversAt(deps, [host], { ...options, allowPrivate: true }, server, signal) };
  }
  const records = await asked(() => deps.dns.records(domain, 'MX', signal), signal);
  if (records === undefined) return nowhere(451, `4.4.3 DNS does not answer for ${domain}`);
  const exchanges = exchangesOf(deps.prng, records, { domain, ownNames });
  if (exchanges.kind === 'none') return nowhere(556, `5.1.10 ${domain} takes no mail`);
  if (exchanges.kind === 'self') return nowhere(554, `5.4.6 the mail of ${domain} comes back to this home`);
  const { hosts } = exchanges;
  if (records.length === 0) {
    const addresses = await addressesOf(deps, domain, signal);
    if (addresses?.length === 0) return nowhere(550, `5.1.2 ${domain} takes no mail: it has no server`);
  }
  const policy = await deps.policyOf(domain, signal);
  const isEnforced = policy?.mode === 'enforce';
  const fit = isEnforced ? hosts.filter((host) => matchesPolicy(policy, host)) : hosts;
  if (fit.length === 0) return nowhere(451, `4.7.5 none of the servers of ${domain} is one that its policy names`);
  const security = isEnforced ? 'verified' : 'opportunistic';
  return { kind: 'servers', servers: serversAt(deps, fit, options, { port, security, auth: undefined }, signal) };
}

function nowhere(code: number, text: string): Route {
  return { kind: 'nowhere', reply: { code, text } };
}

async function* serversAt(
  deps: RouteDeps,
  hosts: readonly string[],
  { allowPrivate }: RouteOptions,
  server: Omit<MailServer, 'name' | 'address'>,
  signal: AbortSignal,
): AsyncGenerator<MailServer, void, undefined> {
  for (const name of hosts) {
    const found = (await addressesOf(deps, name, signal)) ?? [];
    const allowed = allowedAddresses(found, allowPrivate).slice(0, ADDRESSES_PER_EXCHANGE_MAX);
    for (const address of allowed) yield { ...server, name, address };
  }
}

/** Undefined: DNS does not answer. IPv4 first: more servers judge senders by it. */
async function addressesOf(
  { dns }: RouteDeps,
  name: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  if (allowedAddresses([name], true).length > 0) return [name];
  const [four, six] = await Promise.all([A, AAAA].map((type) => asked(() => dns.records(name, type, signal), signal)));
  if (four === undefined && six === undefined) return undefined;
  return [...(four ?? []), ...(six ?? [])];
}

/** Undefined: no server of DNS says anything now. */
async function asked<Result>(ask: () => Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
  try {
    return await ask();
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
