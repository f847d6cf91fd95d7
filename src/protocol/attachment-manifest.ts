/**
 * What a mail says of a large attachment, within its encrypted MIME: everything that is needed to fetch, open and check it
 * (docs/protocol/blobs.md). Its part has a type of our own, so that the mail stays ordinary MIME.
 */
import { z } from 'zod';
import { fromBase64, toBase64 } from '../base/index.ts';
import type { Attached } from './attached.ts';
import { encodeCanonicalJson, parseCanonicalJson } from './canonical-json.ts';
import {
  ATTACHMENT_CHUNKS_MAX,
  ATTACHMENT_KEY_BYTES,
  ATTACHMENT_NAME_CHARACTERS_MAX,
  CHUNK_BYTES,
  CHUNK_TAG_BYTES,
  MANIFEST_BYTES_MAX,
} from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

export const MANIFEST_TYPE = 'application/vnd.restante.attachment+json';

export interface Manifest {
  readonly name: string;
  /** Media type. */
  readonly type: string;
  /** Bytes in the clear. */
  readonly size: number;
  /** Of the whole content in the clear; 64 hexadecimal digits. */
  readonly sha256: string;
  /** SHA-256 of the chunk list; 64 hexadecimal digits. */
  readonly list: string;
  /** Base64. */
  readonly key: string;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const manifestSchema = z.strictObject({
  key: z.string().refine(isKey),
  list: hash,
  name: z.string().max(ATTACHMENT_NAME_CHARACTERS_MAX),
  sha256: hash,
  size: z
    .int()
    .min(1)
    .max(ATTACHMENT_CHUNKS_MAX * CHUNK_BYTES),
  type: z.string().max(ATTACHMENT_NAME_CHARACTERS_MAX),
  v: z.literal(1),
});

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { key, list, name, sha256, size, type } = manifest;
  return encodeCanonicalJson({ key, list, name, sha256, size, type, v: 1 });
}

/** Throws ProtocolError `malformed` or `too_large`. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_BYTES_MAX)
    throw new ProtocolError('too_large', 'no manifest of an attachment is so long');
  try {
    const { v: _, ...manifest } = manifestSchema.parse(parseCanonicalJson(bytes));
    return manifest;
  } catch (cause) {
    throw new ProtocolError('malformed', 'not the manifest of an attachment', { cause });
  }
}

/** How many chunks carry the content. */
export function chunkCountOfContent(size: number): number {
  return Math.ceil(size / CHUNK_BYTES);
}

/** What the header of the mail says of it. */
export function attachedOf({ list, size }: Pick<Manifest, 'list' | 'size'>): Attached {
  return { list, size: size + chunkCountOfContent(size) * CHUNK_TAG_BYTES };
}

export function encodeAttachmentKey(key: Uint8Array): string {
  return toBase64(key);
}

export function attachmentKeyOf({ key }: Pick<Manifest, 'key'>): Uint8Array {
  return fromBase64(key);
}

function isKey(text: string): boolean {
  try {
    return fromBase64(text).length === ATTACHMENT_KEY_BYTES;
  } catch {
    return false; // not base64: the schema says so
  }
}
