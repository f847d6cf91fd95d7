/**
 * libp2p peer ids (specs/peer-ids): how a multiaddr names a node's key. Only the form that carries the key itself, an
 * Ed25519 key in an identity multihash spelled in base58btc (`12D3KooW…`); a hashed or other key cannot be a node's.
 */
import { concatBytes, equalBytes } from '../../base/index.ts';
import { DirectoryError } from './directory-error.ts';
import { PEER_ID_CHARACTERS_MAX } from './limits.ts';

// identity multihash of 36 bytes; protobuf {type: Ed25519, data: 32 bytes}
const ED25519_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function formatPeerId(key: Uint8Array): string {
  const bytes = concatBytes(ED25519_PREFIX, key);
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let text = '';
  for (; value > 0n; value /= 58n) text = ALPHABET[Number(value % 58n)] + text;
  for (let i = 0; bytes[i] === 0; i++) text = `1${text}`;
  return text;
}

/** The Ed25519 key of a peer id, 32 bytes. Throws DirectoryError `bad_key`. */
export function parsePeerId(text: string): Uint8Array {
  const bytes = fromBase58(text);
  const size = ED25519_PREFIX.length + 32;
  if (bytes.length !== size || !equalBytes(bytes.subarray(0, ED25519_PREFIX.length), ED25519_PREFIX))
    throw new DirectoryError('bad_key', `the peer id ${JSON.stringify(text)} carries no Ed25519 key`, {
      fix: 'use the id that begins with 12D3KooW, or leave /p2p/… away',
    });
  return bytes.slice(ED25519_PREFIX.length);
}

function fromBase58(text: string): Uint8Array {
  const refuse = (): DirectoryError =>
    new DirectoryError('bad_key', `not a peer id: ${JSON.stringify(text.slice(0, 80))}`);
  if (text.length === 0 || text.length > PEER_ID_CHARACTERS_MAX) throw refuse();
  let value = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw refuse();
    value = value * 58n + BigInt(digit);
  }
  const bytes: number[] = [];
  for (; value > 0n; value >>= 8n) bytes.unshift(Number(value & 0xffn));
  for (let i = 0; text[i] === '1'; i++) bytes.unshift(0);
  return Uint8Array.from(bytes);
}
