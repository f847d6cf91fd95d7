/** Where a home is reached unless told otherwise. */
import { type Address, homeOf } from './ids.ts';

/** Where nodes serve clients (docs/protocol/client.md). */
export const CLIENT_PATH = '/client';

/**
 * `wss://home.example/client`; for the loopback home `localhost:7896`, `ws://127.0.0.1:7896/client`, which is how its node
 * names itself, whatever `localhost` resolves to first.
 */
export function defaultNodeUrl(address: Address): string {
  const url = new URL(`ws://${homeOf(address)}`);
  if (!isLoopbackHost(url.hostname)) return `wss://${url.host}${CLIENT_PATH}`;
  return `ws://${url.host.replace(/^localhost/, '127.0.0.1')}${CLIENT_PATH}`;
}

/** Whether the person named a machine of their own network: then private addresses are theirs to allow. */
export function isPrivateUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    isLoopbackHost(hostname) ||
    /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)/.test(hostname) ||
    /^\[(f[cd]|fe80)/i.test(hostname)
  );
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}
