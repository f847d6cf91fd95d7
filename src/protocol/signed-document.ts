/**
 * A link of a signed chain (design, Words): a version of a document, naming the hash of the one before, signed by its
 * owner's keys. Canonical JSON with `previous` (64 hexadecimal digits, or null in version 1), `version` (1, 2, 3 …) and
 * `signatures` {key in base64 → signature in base64} over the rest. What the rest holds is the kind's own business.
 */
import { type CryptoSuite, concatBytes, fromBase64, toBase64, utf8 } from '../base/index.ts';
import { encodeCanonicalJson, type Json, parseCanonicalJson } from './canonical-json.ts';
import { DOCUMENT_BYTES_MAX, SIGNATURES_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

type JsonObject = { readonly [key: string]: Json | undefined };

export interface SignedDocument {
  /** The document as it travels and is hashed. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, hexadecimal: what the next version names. */
  readonly hash: string;
  readonly version: number;
  readonly previous: string | null;
  /** Everything but the signatures. */
  readonly content: JsonObject;
  /** Keys (base64) whose signature stands and is right. */
  readonly signers: ReadonlySet<string>;
}

const SIGNED_AS = utf8('restante document 1\n');

export function signDocument(
  suite: CryptoSuite,
  content: JsonObject,
  signers: readonly { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }[],
): Uint8Array {
  const message = concatBytes(SIGNED_AS, encodeCanonicalJson(content));
  const signatures: Record<string, string> = {};
  for (const signer of signers)
    signatures[toBase64(signer.publicKey)] = toBase64(suite.sign(message, signer.secretKey));
  return encodeCanonicalJson({ ...content, signatures });
}

/** The same document with one signature more: a home's countersignature. Its hash changes. */
export function countersignDocument(
  suite: CryptoSuite,
  bytes: Uint8Array,
  signer: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array },
): Uint8Array {
  const { signatures, ...content } = parseObject(bytes);
  const message = concatBytes(SIGNED_AS, encodeCanonicalJson(content));
  const signature = toBase64(suite.sign(message, signer.secretKey));
  return encodeCanonicalJson({
    ...content,
    signatures: { ...(signatures as JsonObject), [toBase64(signer.publicKey)]: signature },
  });
}

/** Judges size, form and every signature: one wrong signature refuses the document. Throws ProtocolError. */
export function parseSignedDocument(suite: CryptoSuite, bytes: Uint8Array): SignedDocument {
  const { signatures, ...content } = parseObject(bytes);
  const { version, previous } = content;
  if (typeof version !== 'number' || version < 1)
    throw new ProtocolError('malformed', 'a signed document has a version');
  if (version === 1 ? previous !== null : !isHash(previous))
    throw new ProtocolError('malformed', 'a signed document names the one before it, and version 1 names null');
  const message = concatBytes(SIGNED_AS, encodeCanonicalJson(content));
  const signers = new Set<string>();
  for (const [key, signature] of Object.entries(signatures as JsonObject)) {
    if (typeof signature !== 'string' || !isSignature(suite, key, signature, message))
      throw new ProtocolError('bad_signature', 'a signature of the document is wrong');
    signers.add(key);
  }
  return { bytes, hash: suite.sha256Hex(bytes), version, previous: previous as string | null, content, signers };
}

/** Whether `next` follows `current` directly. */
export function links(current: SignedDocument, next: SignedDocument): boolean {
  return next.version === current.version + 1 && next.previous === current.hash;
}

function parseObject(bytes: Uint8Array): { readonly signatures: Json } & JsonObject {
  if (bytes.length > DOCUMENT_BYTES_MAX)
    throw new ProtocolError('too_large', `a signed document has at most ${DOCUMENT_BYTES_MAX} bytes`);
  const value = parseCanonicalJson(bytes);
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ProtocolError('malformed', 'a signed document is a JSON object');
  const { signatures } = value as JsonObject;
  if (signatures === null || typeof signatures !== 'object' || Array.isArray(signatures))
    throw new ProtocolError('malformed', 'a signed document carries signatures');
  if (Object.keys(signatures).length > SIGNATURES_MAX)
    throw new ProtocolError('malformed', `a signed document has at most ${SIGNATURES_MAX} signatures`);
  return value as { readonly signatures: Json } & JsonObject;
}

function isHash(value: Json | undefined): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isSignature(suite: CryptoSuite, key: string, signature: string, message: Uint8Array): boolean {
  try {
    return suite.verify(fromBase64(signature), message, fromBase64(key));
  } catch {
    return false; // not base64: as wrong as any other signature
  }
}
