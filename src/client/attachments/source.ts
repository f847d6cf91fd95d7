/** Where the content of an attachment comes from, read once and a little at a time. */
import { Chunks } from '../../base/index.ts';
import { CHUNK_BYTES } from '../../protocol/index.ts';
import { ClientError } from '../client-error.ts';

export interface AttachmentSource {
  readonly name: string;
  /** Default: application/octet-stream. */
  readonly type?: string;
  /** Bytes, known before it is read. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * The content in chunks of CHUNK_BYTES, the last one shorter. Each is valid until the next is asked for: they share their
 * memory. Throws ClientError `attachment_changed` when there is more or less than the source said.
 */
export async function* chunksOf(source: AttachmentSource): AsyncGenerator<Uint8Array> {
  const chunks = new Chunks(Math.min(CHUNK_BYTES, source.size));
  let total = 0;
  for await (const piece of source.open()) {
    total += piece.length;
    if (total > source.size) throw changed(source);
    yield* chunks.add(piece);
  }
  if (total !== source.size) throw changed(source);
  if (chunks.rest.length > 0) yield chunks.rest;
}

/** All of a small one. Throws as `chunksOf`. */
export async function contentOf(source: AttachmentSource): Promise<Uint8Array> {
  const content = new Uint8Array(source.size);
  let at = 0;
  for await (const chunk of chunksOf(source)) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}

function changed({ name }: AttachmentSource): ClientError {
  return new ClientError('attachment_changed', `${name} changed while it was read`, {
    fix: 'send it again when nothing writes to it',
  });
}
