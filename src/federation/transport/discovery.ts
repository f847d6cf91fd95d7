/**
 * Where a home publishes its document, by its name alone: its own well-known page, then what DNS SRV says, then a port of
 * ours. A name with a port is its own place. All places of a public name must show a certificate of that name, so that
 * neither DNS nor another server of the same machine can speak for it. The order is lazy: most homes are at the first.
 */
import type { ServiceAddress } from '../../base/system/index.ts';
import type { HomeDocument, HomeName } from '../../protocol/index.ts';
import { DISCOVERY_SERVICES_MAX } from './limits.ts';

export const WELL_KNOWN_PATH = '/.well-known/restante';
/** Where a home listens that has neither a web server of its name nor SRV records. */
export const HOME_PORT = 7896;

export interface Place {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The name in the Host header and in the certificate. */
  readonly name: string;
}

/** Whether a home is on this machine by its name: the only ones that plain HTTP serves. */
export function isLoopbackHome(home: HomeName): boolean {
  const [host = ''] = home.split(':');
  return host === 'localhost' || host.endsWith('.localhost') || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `services` may fail: then DNS knows of none, and its failure is for the caller to note. */
export async function* places(
  home: HomeName,
  services: (name: string) => Promise<readonly ServiceAddress[]>,
): AsyncGenerator<Place, void, undefined> {
  const scheme = isLoopbackHome(home) ? 'http' : 'https';
  yield { origin: `${scheme}://${home}`, name: home };
  if (home.includes(':')) return;
  for (const service of (await services(`_restante._tcp.${home}`)).slice(0, DISCOVERY_SERVICES_MAX))
    yield { origin: `${scheme}://${service.host}:${service.port}`, name: home };
  yield { origin: `${scheme}://${home}:${HOME_PORT}`, name: home };
}

/** Where the nodes of a home serve HTTP, each place once. */
export function nodeOrigins({ home, nodes }: HomeDocument): readonly string[] {
  const isLoopback = isLoopbackHome(home);
  const origins = nodes.flatMap(({ urls }) => urls.map((url) => originOf(url, isLoopback)));
  return [...new Set(origins.filter((origin) => origin !== undefined))];
}

/** Where a node serves HTTP, from where it serves WebSocket; undefined for what is not to be used. */
function originOf(nodeUrl: string, isLoopback: boolean): string | undefined {
  if (!URL.canParse(nodeUrl)) return undefined;
  const url = new URL(nodeUrl);
  if (url.protocol === 'wss:') return `https://${url.host}`;
  return url.protocol === 'ws:' && isLoopback ? `http://${url.host}` : undefined;
}
