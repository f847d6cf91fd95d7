/**
 * How two nodes of a home know each other (docs/protocol/fleet.md): who dials signs both nonces with its node's key, who
 * accepts signs them back. The keys are those that the home document names.
 */
import { type CryptoSuite, concatBytes, type KeyPair, utf8 } from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';

export interface LinkNonces {
  readonly home: HomeName;
  readonly dialer: Uint8Array;
  readonly acceptor: Uint8Array;
  readonly dialerNonce: Uint8Array;
  readonly acceptorNonce: Uint8Array;
}

export const NONCE_BYTES = 32;

export function signLink(suite: CryptoSuite, role: LinkRole, link: LinkNonces, key: KeyPair): Uint8Array {
  return suite.sign(linkBytes(role, link), key.secretKey);
}

export function isLinkSigned(suite: CryptoSuite, role: LinkRole, link: LinkNonces, signature: Uint8Array): boolean {
  return suite.verify(signature, linkBytes(role, link), role === 'dial' ? link.dialer : link.acceptor);
}

export type LinkRole = 'dial' | 'accept';

function linkBytes(role: LinkRole, { home, dialer, acceptor, dialerNonce, acceptorNonce }: LinkNonces): Uint8Array {
  const zero = Uint8Array.of(0);
  return concatBytes(
    utf8(`restante fleet ${role} 1\n`),
    utf8(home),
    zero,
    dialer,
    acceptor,
    dialerNonce,
    acceptorNonce,
  );
}

/**
 * What an upgrade carries in its query, so that strangers are turned away before there is a WebSocket: the node's key, and
 * its signature of where it goes. It proves no more than that this key once wanted to come; the handshake proves the rest.
 */
export function upgradeUrl(suite: CryptoSuite, home: HomeName, url: string, key: KeyPair): string {
  const target = new URL(fleetUrlOf(url));
  target.search = new URLSearchParams({
    node: Buffer.from(key.publicKey).toString('base64url'),
    sig: Buffer.from(suite.sign(upgradeBytes(home, target.pathname), key.secretKey)).toString('base64url'),
  }).toString();
  return target.href;
}

/** Where a node takes links, by where it takes clients, or by any URL of it. */
export function fleetUrlOf(url: string): string {
  const target = new URL(url);
  target.protocol = target.protocol.replace(/^http/, 'ws');
  target.pathname = FLEET_PATH;
  target.search = '';
  return target.href;
}

export const FLEET_PATH = '/fleet';

/** The key that an upgrade's query proves; undefined when it proves none. */
export function upgradeKey(suite: CryptoSuite, home: HomeName, target: URL): Uint8Array | undefined {
  const key = Buffer.from(target.searchParams.get('node') ?? '', 'base64url');
  const signature = Buffer.from(target.searchParams.get('sig') ?? '', 'base64url');
  const isRight = key.length === 32 && suite.verify(signature, upgradeBytes(home, target.pathname), key);
  return isRight ? new Uint8Array(key) : undefined;
}

function upgradeBytes(home: HomeName, path: string): Uint8Array {
  return concatBytes(utf8('restante fleet upgrade 1\n'), utf8(home), Uint8Array.of(0), utf8(path));
}
