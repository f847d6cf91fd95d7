/** SPF (RFC 7208): whether the domain that an envelope names lets this network send in its name. */
import { isIP } from 'node:net';
import type { DNSResolver } from 'mailauth';
import { spf } from 'mailauth/lib/spf/index.js';

/** Who brings a message, as the connection says. */
export interface Envelope {
  /** The IP address; undefined: this machine, which relays for others. */
  readonly remote: string | undefined;
  readonly helo: string;
  /** Empty: the null sender. */
  readonly sender: string;
}

export type SpfResult = 'none' | 'neutral' | 'pass' | 'fail' | 'softfail' | 'temperror' | 'permerror';

export interface SpfVerdict {
  readonly result: SpfResult;
  /** Of which name: the null sender is judged by what the other server calls itself. */
  readonly identity: 'mailfrom' | 'helo';
  readonly domain: string;
}

const RESULTS: ReadonlySet<string> = new Set<SpfResult>([
  'none',
  'neutral',
  'pass',
  'fail',
  'softfail',
  'temperror',
  'permerror',
]);

/** `receiver` is what records that ask for it are told of us. */
export async function judgeSpf(
  { helo, remote, sender }: Envelope,
  receiver: string,
  resolver: DNSResolver,
): Promise<SpfVerdict> {
  const identity = sender === '' ? 'helo' : 'mailfrom';
  const domain = (sender === '' ? helo : sender.slice(sender.lastIndexOf('@') + 1)).toLowerCase();
  if (remote === undefined || isIP(remote) === 0) return { result: 'none', identity, domain };
  const { status } = await spf({ ip: remote, helo, sender, mta: receiver, resolver });
  return { result: RESULTS.has(status.result) ? (status.result as SpfResult) : 'permerror', identity, domain };
}
