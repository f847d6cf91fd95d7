/**
 * What goes beside a message, encrypted in memory and brought to the node piece by piece: the list of all chunks first, so they
 * are sealed twice, the first time for their names (docs/protocol/blobs.md).
 */
import { Chunks, type CryptoSuite, concatBytes, type SecureRandom, toHex } from '../../base/index.ts';
import {
  ATTACHMENT_KEY_BYTES,
  CHUNK_BYTES,
  chunkCountOfContent,
  encodeAttachmentKey,
  type Manifest,
} from '../../protocol/index.ts';
import { openChunkSealer } from '../../vault/public.ts';
import type { Content } from './parting.ts';

export interface SealingDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  /** On disk when it resolves; false: the node takes it not now. Number 0 is the chunk list. */
  readonly put: (list: Uint8Array, number: number, body: Uint8Array) => Promise<boolean>;
}

/** Undefined: the node does not take it now. */
export async function sealContent(
  { put, random, suite }: SealingDeps,
  content: Content,
): Promise<Manifest | undefined> {
  const key = random.bytes(ATTACHMENT_KEY_BYTES);
  const sealer = await openChunkSealer(key, chunkCountOfContent(content.size));
  const clear = suite.createSha256();
  const names: Uint8Array[] = [];
  for (const chunk of chunksOf(content)) {
    clear.update(chunk);
    names.push(suite.sha256(await sealer.seal(names.length + 1, chunk)));
  }
  const chunkList = concatBytes(...names);
  const list = suite.sha256(chunkList);
  if (!(await put(list, 0, chunkList))) return undefined;
  let number = 0;
  for (const chunk of chunksOf(content))
    if (!(await put(list, ++number, await sealer.seal(number, chunk)))) return undefined;
  const { name, size, type } = content;
  return { name, type, size, sha256: toHex(clear.digest()), list: toHex(list), key: encodeAttachmentKey(key) };
}

/** Each is valid until the next is asked for: they share their memory. */
function* chunksOf(content: Content): Generator<Uint8Array> {
  const chunks = new Chunks(Math.min(CHUNK_BYTES, content.size));
  for (const piece of content.open()) yield* chunks.add(piece);
  if (chunks.rest.length > 0) yield chunks.rest;
}
