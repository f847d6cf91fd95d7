/**
 * Messages to push services: encrypted to the subscription's keys (RFC 8291, with the content coding of RFC 8188), and signed
 * so that the service knows who sends (VAPID, RFC 8292).
 */
import {
  createCipheriv,
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { SecureRandom } from '../../base/index.ts';
import { VAPID_TOKEN_SECONDS } from '../limits.ts';

/** Of the client: both base64url. */
export interface PushKeys {
  readonly p256dh: string;
  readonly auth: string;
}

const RECORD_BYTES = 4096;
const TAG_BYTES = 16;
/** The last record's padding delimiter. */
const LAST_RECORD = 2;

/** A body in the aes128gcm content coding, of one record. Throws a RangeError if `text` does not fit into that. */
export function encryptPush(text: Uint8Array, { p256dh, auth }: PushKeys, random: SecureRandom): Buffer {
  if (text.length + 1 + TAG_BYTES > RECORD_BYTES) throw new RangeError('a push message has one record');
  const clientKey = Buffer.from(p256dh, 'base64url');
  const ecdh = createECDH('prime256v1');
  const serverKey = ecdh.generateKeys();
  const shared = ecdh.computeSecret(clientKey);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), clientKey, serverKey]);
  const secret = hkdf(Buffer.from(auth, 'base64url'), shared, info, 32);
  const salt = random.bytes(16);
  const key = hkdf(salt, secret, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
  const nonce = hkdf(salt, secret, Buffer.from('Content-Encoding: nonce\0'), 12);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text), cipher.update(Buffer.of(LAST_RECORD)), cipher.final()]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(RECORD_BYTES, 0);
  head[4] = serverKey.length;
  return Buffer.concat([salt, head, serverKey, sealed, cipher.getAuthTag()]);
}

/** Whether they can be encrypted to: a point of P-256 and sixteen octets. */
export function isPushKeys(value: unknown): value is PushKeys {
  const { p256dh, auth } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof p256dh !== 'string' || typeof auth !== 'string' || !/^[\w-]+=*$/.test(p256dh + auth)) return false;
  if (Buffer.from(auth, 'base64url').length !== 16) return false;
  try {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    ecdh.computeSecret(Buffer.from(p256dh, 'base64url'));
    return true;
  } catch {
    return false; // no point of the curve
  }
}

function hkdf(salt: Uint8Array, secret: Uint8Array, info: Uint8Array, size: number): Buffer {
  const extracted = createHmac('sha256', salt).update(secret).digest();
  return createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest().subarray(0, size);
}

/** The key by which push services know this server. */
export class VapidKey {
  readonly #key: KeyObject;
  /** The public half, base64url, as the session object names it (RFC 9749). */
  readonly publicKey: string;

  constructor(privateJwk: Readonly<Record<string, string>>) {
    this.#key = createPrivateKey({ key: privateJwk, format: 'jwk' });
    const { x = '', y = '' } = createPublicKey(this.#key).export({ format: 'jwk' });
    this.publicKey = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString(
      'base64url',
    );
  }

  /** A new private key, as it is kept. */
  static generate(): Readonly<Record<string, string>> {
    const ecdh = createECDH('prime256v1');
    const point = ecdh.generateKeys();
    // The private number may come without its leading zeros.
    const d = Buffer.concat([Buffer.alloc(32), ecdh.getPrivateKey()]).subarray(-32);
    return {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
      d: d.toString('base64url'),
    };
  }

  /** The Authorization header for a push service. `subject` is how its operator reaches ours. */
  authorization(url: string, subject: string, nowMs: number): string {
    const claims = { aud: new URL(url).origin, exp: Math.floor(nowMs / 1000) + VAPID_TOKEN_SECONDS, sub: subject };
    const unsigned = `${encodeJson({ typ: 'JWT', alg: 'ES256' })}.${encodeJson(claims)}`;
    const signature = sign('sha256', Buffer.from(unsigned), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `vapid t=${unsigned}.${signature.toString('base64url')}, k=${this.publicKey}`;
  }
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
