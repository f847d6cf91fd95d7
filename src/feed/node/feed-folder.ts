/**
 * A folder with a feed, or with the two feeds of a drive: a store, a description, and the secret keys of what is written
 * here. One process at a time has it.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoSuite, fromHex, fromUtf8, type Log, type SecureRandom, toHex } from '../../base/index.ts';
import { SqliteStore } from '../../store/sqlite/index.ts';
import { FeedError } from '../feed-error.ts';
import { createFeedKeys, discoveryKeyOf, formatFeedKey } from '../feed-key.ts';
import { FeedLog } from '../feed-log.ts';

export interface FeedFolderDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly log: Log;
}

interface Description {
  readonly format: 'restante-feed';
  readonly version: 1;
  /** Hexadecimal public keys: the feed, or a drive's metadata; and a drive's content once it is known. */
  readonly key: string;
  readonly content: string | null;
}

const DESCRIPTION_FILE = 'feed.json';

export class FeedFolder implements AsyncDisposable {
  readonly path: string;
  readonly store: SqliteStore;
  readonly feed: FeedLog;
  readonly #deps: FeedFolderDeps;
  #content: FeedLog | undefined;

  private constructor(deps: FeedFolderDeps, path: string, store: SqliteStore, feed: FeedLog) {
    this.#deps = deps;
    this.path = path;
    this.store = store;
    this.feed = feed;
  }

  /** A new feed that is written here. Throws FeedError `exists`. */
  static async create(deps: FeedFolderDeps, path: string): Promise<FeedFolder> {
    await refuseExisting(path);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const keys = await writeKeys(deps, path);
    await describe(path, { format: 'restante-feed', version: 1, key: toHex(keys), content: null });
    return FeedFolder.open(deps, path);
  }

  /** A copy of somebody's feed, begun now or earlier. Throws FeedError `exists` when another feed is there. */
  static async copy(deps: FeedFolderDeps, path: string, publicKey: Uint8Array): Promise<FeedFolder> {
    const key = formatFeedKey(publicKey);
    const known = await readDescription(path);
    if (known === undefined) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      await describe(path, { format: 'restante-feed', version: 1, key, content: null });
    } else if (known.key !== key)
      throw new FeedError('exists', `${path} has another feed`, { fix: 'Name another folder.' });
    return FeedFolder.open(deps, path);
  }

  static async exists(path: string): Promise<boolean> {
    return (await readDescription(path)) !== undefined;
  }

  /** Throws FeedError `not_found` where there is none. */
  static async open(deps: FeedFolderDeps, path: string): Promise<FeedFolder> {
    const description = await readDescription(path);
    if (description === undefined)
      throw new FeedError('not_found', `${path} has no feed`, {
        fix: 'Make one with `feed create`, or copy one with `feed clone`.',
      });
    const store = await SqliteStore.open({ log: deps.log }, { folder: join(path, 'store') });
    try {
      const feed = await openLog(deps, path, store, fromHex(description.key));
      const folder = new FeedFolder(deps, path, store, feed);
      if (description.content !== null)
        folder.#content = await openLog(deps, path, store, fromHex(description.content));
      return folder;
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A drive's second feed, once it is known. */
  get content(): FeedLog | undefined {
    return this.#content;
  }

  /** Makes it a drive that is written here. */
  async createContent(): Promise<FeedLog> {
    return this.openContent(await writeKeys(this.#deps, this.path));
  }

  /** The drive's content, as its metadata names it. */
  async openContent(publicKey: Uint8Array): Promise<FeedLog> {
    if (this.#content !== undefined) return this.#content;
    const [key, content] = [formatFeedKey(this.feed.publicKey), formatFeedKey(publicKey)];
    await describe(this.path, { format: 'restante-feed', version: 1, key, content });
    this.#content = await openLog(this.#deps, this.path, this.store, publicKey);
    return this.#content;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

async function openLog(
  deps: FeedFolderDeps,
  path: string,
  store: SqliteStore,
  publicKey: Uint8Array,
): Promise<FeedLog> {
  const prefix = discoveryKeyOf(deps.suite, publicKey);
  const secretKey = await readIfThere(secretFile(path, publicKey));
  const role = secretKey === undefined ? { replica: true } : { secretKey: fromHex(fromUtf8(secretKey).trim()) };
  return FeedLog.open({ suite: deps.suite, store }, { prefix, publicKey, ...role });
}

/** The secret key is on disk before anything names the feed. */
async function writeKeys(deps: FeedFolderDeps, path: string): Promise<Uint8Array> {
  const keys = createFeedKeys(deps);
  await writeDurably(secretFile(path, keys.publicKey), `${toHex(keys.secretKey)}\n`);
  return keys.publicKey;
}

function secretFile(path: string, publicKey: Uint8Array): string {
  return join(path, `${toHex(publicKey).slice(0, 16)}.secret`);
}

function describe(path: string, description: Description): Promise<void> {
  return writeDurably(join(path, DESCRIPTION_FILE), `${JSON.stringify(description)}\n`);
}

async function refuseExisting(path: string): Promise<void> {
  if ((await readDescription(path)) !== undefined)
    throw new FeedError('exists', `${path} has a feed already`, { fix: 'Name another folder.' });
}

async function readDescription(path: string): Promise<Description | undefined> {
  const bytes = await readIfThere(join(path, DESCRIPTION_FILE));
  if (bytes === undefined) return undefined;
  const description = JSON.parse(fromUtf8(bytes)) as Description;
  if (description.format !== 'restante-feed' || description.version !== 1)
    throw new FeedError('corrupt', `${path} is no feed of this version`);
  return description;
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, for the owner only. */
async function writeDurably(file: string, content: string): Promise<void> {
  const handle = await open(`${file}.new`, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}
