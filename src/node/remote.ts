/**
 * Where a connection comes from, as rates count it. An IPv6 host has a whole /64 to choose its address from, so the network
 * is what is counted. `X-Forwarded-For` says the truth only behind a proxy that the operator named: its last entry is the
 * proxy's own word, what stands before it is whatever the client wrote.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** The address a rate is kept for; undefined: this machine, where everybody is behind one address. */
export type Remote = string | undefined;

export function remoteOf(peer: string | undefined, headers: IncomingHttpHeaders, behindProxy: boolean): Remote {
  const told = behindProxy ? forwarded(headers['x-forwarded-for']) : undefined;
  return networkOf(told ?? peer ?? '');
}

function forwarded(header: string | string[] | undefined): string | undefined {
  const last = [header ?? []].flat().join(',').split(',').at(-1)?.trim() ?? '';
  return isIP(last) === 0 ? undefined : last;
}

function networkOf(address: string): Remote {
  const ip = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (ip === '::1' || ip.startsWith('127.')) return undefined;
  if (isIP(ip) !== 6) return ip;
  const [before = '', after] = ip.split('::');
  const groups = before === '' ? [] : before.split(':');
  const missing = after === undefined ? 0 : 8 - groups.length - after.split(':').filter((group) => group !== '').length;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(after ?? '').split(':')];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
