/**
 * Large attachments that are being read, chunk by chunk as the user server asks: what was opened for one chunk, the list and
 * the connections to other nodes, serves the next, and is closed when nobody has asked for a while.
 */
import { type Clock, Scope } from '../../../base/index.ts';
import type { Download, Manifest } from '../../../client/index.ts';
import { DOWNLOAD_IDLE_MS, DOWNLOADS_OPEN_MAX } from '../limits.ts';

export interface OpenDownloadsDeps {
  readonly clock: Clock;
  readonly open: (manifest: Manifest, signal: AbortSignal) => Promise<Download>;
  readonly onError: (task: string, error: unknown) => void;
}

interface Opened {
  readonly download: Promise<Download>;
  /** Chunks that are being waited for. */
  users: number;
  usedAt: number;
}

export class OpenDownloads implements AsyncDisposable {
  readonly #deps: OpenDownloadsDeps;
  readonly #scope: Scope;
  /** The one that was used last stands last. */
  readonly #opened = new Map<string, Opened>();

  constructor(deps: OpenDownloadsDeps) {
    this.#deps = deps;
    this.#scope = new Scope(deps.onError);
  }

  /** `number` is 1, 2, 3 … Throws as opening does, and as `Download.chunk`. */
  async chunk(manifest: Manifest, number: number): Promise<Uint8Array> {
    const name = JSON.stringify(manifest);
    const opened = this.#opened.get(name) ?? this.#open(name, manifest);
    this.#opened.delete(name);
    this.#opened.set(name, opened);
    opened.users += 1;
    try {
      return await (await opened.download).chunk(number);
    } catch (error) {
      // What failed is opened anew by the next: the nodes may be others by then.
      if (this.#opened.get(name) === opened) this.#opened.delete(name);
      throw error;
    } finally {
      opened.users -= 1;
      opened.usedAt = this.#deps.clock.monotonic();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #open(name: string, manifest: Manifest): Opened {
    const { clock, open } = this.#deps;
    const download = open(manifest, this.#scope.signal);
    const opened: Opened = { download, users: 0, usedAt: clock.monotonic() };
    for (const [oldest, { users }] of this.#opened) {
      if (this.#opened.size < DOWNLOADS_OPEN_MAX) break;
      if (users === 0) this.#opened.delete(oldest);
    }
    this.#opened.set(name, opened);
    this.#scope.spawn('close a download', (signal) => this.#closeWhenIdle(name, opened, signal));
    return opened;
  }

  async #closeWhenIdle(name: string, opened: Opened, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    // Whoever asked for a chunk is told why it cannot be opened.
    const download = await opened.download.catch(() => undefined);
    try {
      while (
        opened.users > 0 ||
        (this.#isCurrent(name, opened) && clock.monotonic() - opened.usedAt < DOWNLOAD_IDLE_MS)
      )
        await clock.sleep(DOWNLOAD_IDLE_MS, signal);
    } finally {
      if (this.#isCurrent(name, opened)) this.#opened.delete(name);
      await download?.[Symbol.asyncDispose]();
    }
  }

  #isCurrent(name: string, opened: Opened): boolean {
    return this.#opened.get(name) === opened;
  }
}
