/**
 * Large attachments of the encrypted account: its mails hold manifests, their octets come from the nodes of the home by way
 * of the agent. A few chunks are on their way while one is given out, so a reader of any speed costs a few megabytes.
 */
import { createHash } from 'node:crypto';
import { type ByteRange, type RemoteContent, type RemoteSource, UnavailableOctets } from '../../jmap/index.ts';
import {
  CHUNK_BYTES,
  chunkCountOfContent,
  decodeManifest,
  MANIFEST_TYPE,
  type Manifest,
  ProtocolError,
} from '../../protocol/index.ts';
import { CHUNKS_AHEAD } from './limits.ts';

export interface EncryptedAttachmentsDeps {
  /** A chunk in the clear; `number` is 1, 2, 3 … Throws UnavailableOctets. */
  readonly chunk: (manifest: Manifest, number: number, signal: AbortSignal) => Promise<Uint8Array>;
}

export class EncryptedAttachments implements RemoteSource {
  readonly type = MANIFEST_TYPE;
  readonly #deps: EncryptedAttachmentsDeps;
  readonly #accountId: string;

  constructor(deps: EncryptedAttachmentsDeps, options: { readonly accountId: string }) {
    this.#deps = deps;
    this.#accountId = options.accountId;
  }

  describe(accountId: string, content: Uint8Array): RemoteContent | undefined {
    if (accountId !== this.#accountId) return undefined;
    const { name, size, type } = readManifest(content) ?? {};
    return name === undefined || size === undefined || type === undefined ? undefined : { name, size, type };
  }

  async *read(
    _accountId: string,
    content: Uint8Array,
    range: ByteRange,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const manifest = decodeManifest(content);
    const { sha256, size } = manifest;
    // All of it is held against the author's hash before its last piece is given out.
    const hash = range.start === 0 && range.end >= size ? createHash('sha256') : undefined;
    const last = chunkCountOfContent(Math.min(range.end, size));
    const underWay: Promise<Uint8Array>[] = [];
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const first = Math.floor(range.start / CHUNK_BYTES) + 1;
    try {
      for (let [number, next] = [first, first]; number <= last; number++) {
        while (next <= last && underWay.length < CHUNKS_AHEAD) {
          const asked = this.#deps.chunk(manifest, next++, either);
          asked.catch(() => undefined); // thrown where it is waited for, unless one before it was
          underWay.push(asked);
        }
        const chunk = await (underWay.shift() as Promise<Uint8Array>);
        hash?.update(chunk);
        if (number === last && hash !== undefined && hash.digest('hex') !== sha256)
          throw new UnavailableOctets(`${manifest.name} is not the file that its author hashed`);
        const from = (number - 1) * CHUNK_BYTES;
        yield chunk.subarray(Math.max(0, range.start - from), Math.max(0, range.end - from));
      }
    } finally {
      stop.abort(new DOMException('nobody reads on', 'AbortError'));
    }
  }
}

/** One that does not read is shown as what it is: a small part of an odd type. */
function readManifest(content: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(content);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}
