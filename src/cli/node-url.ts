/** Where a home is reached unless told otherwise, and what people write for it. */
import { type Address, homeOf } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';

/** Where nodes serve clients (docs/protocol/client.md). */
const CLIENT_PATH = '/client';

/**
 * `wss://home.example/client`; for the loopback home `localhost:7896`, `ws://127.0.0.1:7896/client`, which is how its node
 * names itself, whatever `localhost` resolves to first.
 */
export function defaultNodeUrl(address: Address): string {
  const url = new URL(`ws://${homeOf(address)}`);
  if (!isLoopbackHost(url.hostname)) return `wss://${url.host}${CLIENT_PATH}`;
  return `ws://${url.host.replace(/^localhost/, '127.0.0.1')}${CLIENT_PATH}`;
}

/** A node's URL as a person writes it: `https:` for `wss:`, the path left out. Throws CliError `usage`. */
export function nodeUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text.replace(/^http/i, 'ws')) : undefined;
  if (url === undefined || !/^wss?:$/.test(url.protocol))
    throw new CliError('usage', `not a node's URL: ${text}`, {
      fix: 'Write it like wss://mail.home.example or ws://localhost:7896.',
    });
  return `${url.protocol}//${url.host}${url.pathname === '/' ? CLIENT_PATH : url.pathname}`;
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
