/** Where the content of an attachment comes from, read once and a little at a time. */
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
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, source.size));
  let filled = 0;
  let total = 0;
  for await (const piece of source.open()) {
    total += piece.length;
    if (total > source.size) throw changed(source);
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + chunk.length - filled);
      chunk.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < chunk.length) continue;
      yield chunk;
      filled = 0;
    }
  }
  if (total !== source.size) throw changed(source);
  if (filled > 0) yield chunk.subarray(0, filled);
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
