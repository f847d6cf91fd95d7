/**
 * A message with its large attachments in it, as other mail programs know them: what was signed holds a manifest of each, whose
 * content comes from the nodes of the home while the message is written. Memory holds a few megabytes of it.
 */
import { createHash } from 'node:crypto';
import type { Download, Manifest } from '../../client/index.ts';
import type { MessagePieces, TakenPart } from '../../jmap/index.ts';
import {
  decodeManifest,
  decodePartField,
  MANIFEST_TYPE,
  MESSAGE_FIELD,
  PART_FIELD,
  type PartLayout,
  ProtocolError,
} from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';

export interface WholeMessageDeps {
  readonly open: (manifest: Manifest, signal: AbortSignal) => Promise<Pick<Download, 'chunks'> & AsyncDisposable>;
  readonly onProgress: (name: string, done: number, total: number) => void;
}

/** A content that is not here, and how it is written. */
interface Absent {
  readonly manifest: Manifest;
  /** `as-file`: like every other program. `as-it-was`: it came from outside so. `message`: it is one. */
  readonly form: { readonly kind: 'as-file' | 'message' } | { readonly kind: 'as-it-was'; readonly layout: PartLayout };
}

type Mime = typeof import('../../jmap/index.ts');

/** Whether it may name a large attachment: cheap enough to be asked of every message. */
export function mayLackAttachments(mime: Uint8Array): boolean {
  return asBuffer(mime).includes(MANIFEST_TYPE);
}

export class WholeMessage {
  /** Octets of the whole. */
  readonly size: number;
  readonly manifests: readonly Manifest[];
  readonly #deps: WholeMessageDeps;
  readonly #mime: Mime;
  readonly #pieces: MessagePieces<Absent>;

  private constructor(deps: WholeMessageDeps, mime: Mime, pieces: MessagePieces<Absent>) {
    this.#deps = deps;
    this.#mime = mime;
    this.#pieces = pieces;
    this.manifests = pieces.flatMap((piece) => (piece instanceof Uint8Array ? [] : [piece.manifest]));
    this.size = pieces.reduce(
      (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : sizeOf(mime, piece)),
      0,
    );
  }

  /** Undefined for a message that holds all of its parts. */
  static async open(deps: WholeMessageDeps, raw: Uint8Array): Promise<WholeMessage | undefined> {
    if (!mayLackAttachments(raw)) return undefined;
    const mime = await import('../../jmap/index.ts');
    const parts = mime.partsOfType(raw, MANIFEST_TYPE).flatMap(({ content, part }) => {
      const manifest = manifestIn(content);
      return manifest === undefined ? [] : [{ part, placed: { manifest, form: formOf(part) } }];
    });
    if (parts.length === 0) return undefined;
    const trace = traceBefore(raw);
    const [only] = parts;
    const pieces =
      trace === undefined || only === undefined || parts.length > 1
        ? mime.takenApart(
            raw,
            parts.map((part) => ({ ...part, keepsFields: part.placed.form.kind === 'as-file' })),
          )
        : [trace, { manifest: only.placed.manifest, form: { kind: 'message' } as const }];
    return new WholeMessage(deps, mime, pieces);
  }

  /** Throws CodedError `offline`, `attachment_missing` or `attachment_damaged`; then what came before is worth nothing. */
  async *octets(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const piece of this.#pieces) {
      if (piece instanceof Uint8Array) {
        yield piece;
        continue;
      }
      const { form, manifest } = piece;
      const content = this.#contentOf(manifest, signal);
      switch (form.kind) {
        case 'as-file':
          yield this.#mime.base64Fields(manifest.type, manifest.name);
          yield* this.#mime.base64Octets(content);
          break;
        case 'as-it-was':
          yield form.layout.header;
          yield* this.#mime.base64Octets(content, form.layout.lineLength);
          yield lineEnds(form.layout);
          break;
        case 'message':
          yield* content;
      }
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

function sizeOf(mime: Mime, { form, manifest: { name, size, type } }: Absent): number {
  switch (form.kind) {
    case 'as-file':
      return mime.base64Fields(type, name).length + mime.base64Size(size);
    case 'as-it-was':
      return form.layout.header.length + mime.base64Size(size, form.layout.lineLength) + lineEnds(form.layout).length;
    case 'message':
      return size;
  }
}

function formOf({ headers }: TakenPart<unknown>['part']): Absent['form'] {
  const field = headers.find(({ name }) => name.toLowerCase() === PART_FIELD.toLowerCase());
  const layout = field === undefined ? undefined : decodePartField(field.value);
  return layout === undefined ? { kind: 'as-file' } : { kind: 'as-it-was', layout };
}

/** Of a message that is all in one attachment: what a door wrote above it. */
function traceBefore(raw: Uint8Array): Uint8Array | undefined {
  const octets = asBuffer(raw);
  const header = octets.subarray(0, octets.indexOf('\r\n\r\n'));
  const at = header.indexOf(`\r\n${MESSAGE_FIELD}: whole\r\n`);
  return at < 0 ? undefined : raw.subarray(0, at + '\r\n'.length);
}

function lineEnds({ endCount }: PartLayout): Uint8Array {
  return Buffer.from('\r\n'.repeat(endCount));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
