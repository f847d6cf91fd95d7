/**
 * Fetches the pieces of a large attachment, from several nodes at once, and gives them out in order: a few are under way,
 * none is waited for longer than those before it. Each is held against the chunk list, which is held against the manifest
 * that the author signed; what a node does not have, or gives wrongly, another is asked for.
 */
import { type CryptoSuite, equalBytes, fromHex, invariant, isAbort } from '../../base/index.ts';
import {
  attachmentKeyOf,
  BodyState,
  chunkCountOfContent,
  chunkNameIn,
  chunksIn,
  type Manifest,
} from '../../protocol/index.ts';
import { ChunkCipher } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import { CHUNKS_OF_ONE_NODE, DOWNLOAD_RECONNECTS_MAX, DOWNLOADS_IN_FLIGHT, PIECE_REQUEST_MS } from '../limits.ts';
import type { NodeLink } from '../network/node-link.ts';

export interface DownloaderDeps {
  readonly suite: CryptoSuite;
  /** The node that is connected now, or as soon as one is. Throws ClientError `offline`. */
  readonly connect: (signal: AbortSignal) => Promise<NodeLink>;
  /** Connections of its own to other nodes than this one, as many as help. */
  readonly dialOthers: (node: string, signal: AbortSignal) => Promise<readonly NodeLink[]>;
  /** A node gave a piece that is not what the author signed. */
  readonly onWrong: (node: string, list: string) => Promise<void>;
}

type Answer = { readonly status: 'right'; readonly piece: Uint8Array } | { readonly status: 'owed' | 'none' | 'wrong' };

export class Downloader {
  readonly #deps: DownloaderDeps;

  constructor(deps: DownloaderDeps) {
    this.#deps = deps;
  }

  /**
   * Ready to read the attachment. Throws ClientError `offline`, `attachment_missing` or `attachment_damaged`. Dispose of it
   * when the work ends.
   */
  async open(manifest: Manifest, signal: AbortSignal): Promise<Download> {
    const count = chunkCountOfContent(manifest.size);
    const sources = new Sources(this.#deps, signal);
    try {
      await sources.begin(count > CHUNKS_OF_ONE_NODE);
      const list = fromHex(manifest.list);
      const isList = (piece: Uint8Array): boolean => equalBytes(this.#deps.suite.sha256(piece), list);
      const chunkList = await sources.fetch(manifest, 0, isList);
      if (chunksIn(chunkList) !== count)
        throw damaged(manifest, 'its author names another number of chunks than its size has');
      const cipher = await ChunkCipher.open(attachmentKeyOf(manifest), count);
      return new Download({ ...this.#deps, cipher, sources }, { manifest, chunkList, count });
    } catch (error) {
      await sources[Symbol.asyncDispose]();
      throw error;
    }
  }
}

export class Download implements AsyncDisposable {
  readonly manifest: Manifest;
  readonly chunkCount: number;
  readonly #deps: { readonly suite: CryptoSuite; readonly cipher: ChunkCipher; readonly sources: Sources };
  readonly #chunkList: Uint8Array;

  constructor(
    deps: { readonly suite: CryptoSuite; readonly cipher: ChunkCipher; readonly sources: Sources },
    options: { readonly manifest: Manifest; readonly chunkList: Uint8Array; readonly count: number },
  ) {
    this.#deps = deps;
    this.manifest = options.manifest;
    this.chunkCount = options.count;
    this.#chunkList = options.chunkList;
  }

  /** Whether bytes that are here already are the content of that chunk: encrypted, they have the name in the list. */
  async isChunk(number: number, bytes: Uint8Array): Promise<boolean> {
    return this.#isRight(number, await this.#deps.cipher.seal(number, bytes));
  }

  /** The content in the clear, chunk by chunk, from a number on. Throws ClientError, or as the signal says. */
  async *chunks(from: number): AsyncGenerator<Uint8Array> {
    const underWay: Promise<Uint8Array>[] = [];
    try {
      for (let next = from; next <= this.chunkCount || underWay.length > 0; ) {
        while (next <= this.chunkCount && underWay.length < this.#deps.sources.width) {
          const chunk = this.chunk(next++);
          chunk.catch(() => undefined); // thrown where it is waited for, unless one before it was
          underWay.push(chunk);
        }
        yield await (underWay.shift() as Promise<Uint8Array>);
      }
    } finally {
      await Promise.allSettled(underWay);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.sources[Symbol.asyncDispose]();
  }

  /** One chunk in the clear; `number` is 1 to `chunkCount`. Throws as `chunks`. */
  async chunk(number: number): Promise<Uint8Array> {
    invariant(number >= 1 && number <= this.chunkCount, 'a chunk has a number of its attachment');
    const { cipher, sources } = this.#deps;
    const piece = await sources.fetch(this.manifest, number, (bytes) => this.#isRight(number, bytes));
    try {
      return await cipher.open(number, piece);
    } catch (cause) {
      throw damaged(this.manifest, `chunk ${number} does not open with the key that its author gave`, cause);
    }
  }

  #isRight(number: number, sealed: Uint8Array): boolean {
    const name = chunkNameIn(this.#chunkList, number);
    return name !== undefined && equalBytes(this.#deps.suite.sha256(sealed), name);
  }
}

/** The connections that pieces come over. One that ends is left; when none is there, the client connects anew. */
class Sources implements AsyncDisposable {
  readonly #deps: DownloaderDeps;
  readonly #signal: AbortSignal;
  readonly #own = new Set<NodeLink>();
  readonly #busy = new Map<NodeLink, number>();
  #reconnecting: Promise<void> | undefined;
  #reconnects = 0;

  constructor(deps: DownloaderDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** How many pieces may be under way. */
  get width(): number {
    return DOWNLOADS_IN_FLIGHT * Math.max(1, this.#busy.size);
  }

  async begin(isLarge: boolean): Promise<void> {
    const link = await this.#deps.connect(this.#signal);
    this.#busy.set(link, 0);
    if (!isLarge) return;
    for (const other of await this.#deps.dialOthers(link.name, this.#signal)) {
      this.#own.add(other);
      this.#busy.set(other, 0);
    }
  }

  async fetch(manifest: Manifest, number: number, isRight: (piece: Uint8Array) => boolean): Promise<Uint8Array> {
    const asked = new Set<NodeLink>();
    let isOwed = false;
    for (;;) {
      this.#signal.throwIfAborted();
      const link = this.#leastBusy(asked);
      if (link === undefined && asked.size > 0) throw missing(manifest, isOwed);
      if (link === undefined) {
        await this.#reconnect();
        continue;
      }
      const answer = await this.#ask(link, manifest, number, isRight);
      if (answer === undefined) continue; // its connection ended
      if (answer.status === 'right') {
        this.#reconnects = 0;
        return answer.piece;
      }
      asked.add(link);
      isOwed ||= answer.status === 'owed';
      if (answer.status === 'wrong') await this.#deps.onWrong(link.name, manifest.list);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.#own) await connection[Symbol.asyncDispose]();
  }

  /** Undefined: the connection ended on the way. */
  async #ask(
    link: NodeLink,
    manifest: Manifest,
    number: number,
    isRight: (piece: Uint8Array) => boolean,
  ): Promise<Answer | undefined> {
    const list = fromHex(manifest.list);
    this.#busy.set(link, (this.#busy.get(link) ?? 0) + 1);
    try {
      const { body } = await link.connection.request(
        'body',
        (request) => ({ oneofKind: 'getBlob', getBlob: { request, list, number } }),
        { deadlineMs: PIECE_REQUEST_MS, signal: this.#signal },
      );
      if (body.state === BodyState.OWED) return { status: 'owed' };
      if (body.state !== BodyState.INLINE) return { status: 'none' };
      return isRight(body.body) ? { status: 'right', piece: body.body } : { status: 'wrong' };
    } catch (error) {
      if (isAbort(error, this.#signal)) throw error;
      if (link.connection.isOpen) throw error;
      this.#busy.delete(link);
      return undefined;
    } finally {
      const busy = this.#busy.get(link);
      if (busy !== undefined) this.#busy.set(link, busy - 1);
    }
  }

  #leastBusy(asked: ReadonlySet<NodeLink>): NodeLink | undefined {
    let best: NodeLink | undefined;
    for (const [link, busy] of this.#busy) {
      if (!link.connection.isOpen) this.#busy.delete(link);
      else if (!asked.has(link) && (best === undefined || busy < (this.#busy.get(best) ?? 0))) best = link;
    }
    return best;
  }

  /** Once for all pieces that wait. */
  #reconnect(): Promise<void> {
    this.#reconnecting ??= this.#connectAgain().finally(() => {
      this.#reconnecting = undefined;
    });
    return this.#reconnecting;
  }

  async #connectAgain(): Promise<void> {
    if (++this.#reconnects > DOWNLOAD_RECONNECTS_MAX)
      throw new ClientError('offline', 'the connection ends again and again', { retry: 'later' });
    this.#busy.set(await this.#deps.connect(this.#signal), 0);
  }
}

function missing({ name }: Manifest, isOwed: boolean): ClientError {
  return isOwed
    ? new ClientError('attachment_missing', `not all of ${name} is at your home yet`, {
        retry: 'later',
        fix: 'try again later: what is here already is kept',
      })
    : new ClientError('attachment_missing', `${name} is not at your home any more`, {
        fix: 'ask its sender for it: it was deleted, or has expired',
      });
}

function damaged({ name }: Manifest, why: string, cause?: unknown): ClientError {
  const context = { fix: 'ask its sender for it', ...(cause === undefined ? {} : { cause }) };
  return new ClientError('attachment_damaged', `${name} is not what was sent: ${why}`, context);
}
