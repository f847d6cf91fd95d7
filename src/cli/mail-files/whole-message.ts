/**
 * A message with its large attachments in it, as other mail programs know them: what was signed holds a manifest of each, whose
 * content comes from the nodes of the home while the message is written. Memory holds a few megabytes of it.
 */
import { createHash } from 'node:crypto';
import type { Download, Manifest } from '../../client/index.ts';
import type { MessagePieces } from '../../jmap/index.ts';
import { decodeManifest, MANIFEST_TYPE, ProtocolError } from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';

export interface WholeMessageDeps {
  readonly open: (manifest: Manifest, signal: AbortSignal) => Promise<Pick<Download, 'chunks'> & AsyncDisposable>;
  readonly onProgress: (name: string, done: number, total: number) => void;
}

/** Whether it may name a large attachment: cheap enough to be asked of every message. */
export function mayLackAttachments(mime: Uint8Array): boolean {
  return Buffer.from(mime.buffer, mime.byteOffset, mime.byteLength).includes(MANIFEST_TYPE);
}

export class WholeMessage {
  /** Octets of the whole. */
  readonly size: number;
  readonly manifests: readonly Manifest[];
  readonly #deps: WholeMessageDeps;
  readonly #mime: typeof import('../../jmap/index.ts');
  readonly #pieces: MessagePieces<Manifest>;

  private constructor(
    deps: WholeMessageDeps,
    mime: typeof import('../../jmap/index.ts'),
    pieces: MessagePieces<Manifest>,
  ) {
    this.#deps = deps;
    this.#mime = mime;
    this.#pieces = pieces;
    this.manifests = pieces.filter((piece): piece is Manifest => !(piece instanceof Uint8Array));
    this.size = pieces.reduce(
      (sum, piece) =>
        sum +
        (piece instanceof Uint8Array
          ? piece.length
          : mime.base64Fields(piece.type, piece.name).length + mime.base64Size(piece.size)),
      0,
    );
  }

  /** Undefined for a message that holds all of its parts. */
  static async open(deps: WholeMessageDeps, raw: Uint8Array): Promise<WholeMessage | undefined> {
    if (!mayLackAttachments(raw)) return undefined;
    const mime = await import('../../jmap/index.ts');
    const parts = mime.partsOfType(raw, MANIFEST_TYPE).flatMap(({ content, part }) => {
      const placed = manifestIn(content);
      return placed === undefined ? [] : [{ part, placed }];
    });
    return parts.length === 0 ? undefined : new WholeMessage(deps, mime, mime.takenApart(raw, parts));
  }

  /** Throws CodedError `offline`, `attachment_missing` or `attachment_damaged`; then what came before is worth nothing. */
  async *octets(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const piece of this.#pieces) {
      if (piece instanceof Uint8Array) {
        yield piece;
        continue;
      }
      yield this.#mime.base64Fields(piece.type, piece.name);
      yield* this.#mime.base64Octets(this.#contentOf(piece, signal));
    }
  }

  async *#contentOf(manifest: Manifest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { onProgress, open } = this.#deps;
    await using download = await open(manifest, signal);
    const hash = createHash('sha256');
    let done = 0;
    for await (const chunk of download.chunks(1)) {
      hash.update(chunk);
      done += chunk.length;
      onProgress(manifest.name, done, manifest.size);
      yield chunk;
    }
    if (hash.digest('hex') !== manifest.sha256)
      throw new CliError('attachment_damaged', `${manifest.name} is not the file that its author hashed`, {
        fix: 'Ask its sender for it again.',
      });
  }
}

/** One that does not read is written as what it is: a small part of an odd type. */
function manifestIn(content: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(content);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}
