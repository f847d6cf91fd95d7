/**
 * Where a node is: a `ws:` or `wss:` URL, or the multiaddr of one (`/dns4/host/tcp/443/wss/p2p/12D3KooW…`), in one
 * canonical spelling. Judges form only; whether an address may be dialled is the Dialer's to say.
 */
import { fromBase64 } from '../../base/index.ts';
import { DirectoryError } from './directory-error.ts';
import { ADDRESS_CHARACTERS_MAX } from './limits.ts';
import { formatPeerId, parsePeerId } from './peer-id.ts';

export interface NodeAddress {
  /** `ws:` or `wss:`, without a trailing slash, credentials or fragment. */
  readonly url: string;
  /** The node's Ed25519 public key, where the address carries it. */
  readonly key: Uint8Array | undefined;
}

/** A URL or a multiaddr. Throws DirectoryError `bad_address` or `bad_key`. */
export function parseNodeAddress(text: string): NodeAddress {
  if (text.length > ADDRESS_CHARACTERS_MAX) throw refuse(text, `it has more than ${ADDRESS_CHARACTERS_MAX} characters`);
  return text.startsWith('/') ? parseMultiaddr(text) : { url: canonicalUrl(text, text), key: undefined };
}

/**
 * `/<dns|dns4|dns6|ip4|ip6>/<host>/tcp/<port>/<ws|wss|tls/ws>[/p2p/<peer id>]`. Throws DirectoryError `bad_address` or
 * `bad_key`.
 */
export function parseMultiaddr(text: string): NodeAddress {
  const [empty, kind, host, tcp, port, ...rest] = text.split('/');
  if (empty !== '' || kind === undefined || host === undefined || tcp !== 'tcp' || port === undefined)
    throw refuse(text, 'it does not begin with /<kind>/<host>/tcp/<port>');
  if (!/^[1-9][0-9]{0,4}$/.test(port)) throw refuse(text, 'its port is not a number');
  const { secure, after } = transportOf(text, rest);
  const [p2p, peerId, ...more] = after;
  if (more.length > 0 || (p2p !== undefined && p2p !== 'p2p' && p2p !== 'ipfs') || (p2p !== undefined && !peerId))
    throw refuse(text, 'only /p2p/<peer id> may follow the transport');
  const url = canonicalUrl(text, `${secure ? 'wss' : 'ws'}://${hostOf(text, kind, host)}:${port}`);
  return { url, key: peerId === undefined ? undefined : parsePeerId(peerId) };
}

/**
 * The multiaddr of a node's URL; names are spelled `/dns/`, since a URL does not say which family it means. Throws
 * DirectoryError `bad_address` for a URL with a path or query, which a multiaddr cannot say.
 */
export function formatMultiaddr(address: NodeAddress): string {
  const url = new URL(address.url);
  if (url.pathname !== '/' || url.search !== '') throw refuse(address.url, 'a multiaddr cannot say its path');
  const secure = url.protocol === 'wss:';
  const port = url.port === '' ? (secure ? '443' : '80') : url.port;
  const host = url.hostname.startsWith('[')
    ? `/ip6/${url.hostname.slice(1, -1)}`
    : `/${IP4.test(url.hostname) ? 'ip4' : 'dns'}/${url.hostname}`;
  const peer = address.key === undefined ? '' : `/p2p/${formatPeerId(address.key)}`;
  return `${host}/tcp/${port}/${secure ? 'wss' : 'ws'}${peer}`;
}

/** An Ed25519 public key as documents spell it: 43 characters of unpadded base64. Throws DirectoryError `bad_key`. */
export function parseNodeKey(text: string): Uint8Array {
  try {
    const key = fromBase64(text);
    if (key.length === 32) return key;
  } catch {
    // not base64: as little a key as one of a wrong length
  }
  throw new DirectoryError('bad_key', `not a node's key: ${JSON.stringify(text.slice(0, 80))}`, {
    fix: 'a key is 43 characters of base64, as `restante fleet status` prints it',
  });
}

const DNS = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/i;
const IP4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const IP6 = /^(?=.*:.*:)[0-9a-f:.]{2,45}$/i;

function hostOf(text: string, kind: string, host: string): string {
  switch (kind) {
    case 'dns':
    case 'dns4':
    case 'dns6':
      if (DNS.test(host) && !IP4.test(host)) return host;
      break;
    case 'ip4':
      if (IP4.test(host)) return host;
      break;
    case 'ip6':
      if (IP6.test(host)) return `[${host}]`;
      break;
    default:
      throw refuse(text, `/${kind}/ is no host this program knows`);
  }
  throw refuse(text, `${JSON.stringify(host)} is not a host of kind ${kind}`);
}

function transportOf(text: string, parts: readonly string[]): { secure: boolean; after: readonly string[] } {
  if (parts[0] === 'ws') return { secure: false, after: parts.slice(1) };
  if (parts[0] === 'wss') return { secure: true, after: parts.slice(1) };
  if (parts[0] === 'tls' && parts[1] === 'ws') return { secure: true, after: parts.slice(2) };
  throw refuse(text, 'its transport is not ws, wss or tls/ws');
}

function canonicalUrl(text: string, candidate: string): string {
  let url: URL;
  try {
    url = new URL(candidate);
  } catch (cause) {
    throw refuse(text, 'it is not a URL', cause);
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw refuse(text, 'it is neither ws: nor wss:');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw refuse(text, 'a node has no user name, password or fragment');
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}${url.search}`;
}

function refuse(text: string, why: string, cause?: unknown): DirectoryError {
  return new DirectoryError('bad_address', `not a node's address: ${JSON.stringify(text.slice(0, 200))}: ${why}`, {
    fix: 'give a ws:// or wss:// URL, or a multiaddr such as /dns4/node.example/tcp/443/wss',
    ...(cause === undefined ? {} : { cause }),
  });
}
