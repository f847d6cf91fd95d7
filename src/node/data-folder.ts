/**
 * A node's data folder: who the home and the node are, and their secret keys, each in a file of its own that only the
 * owner may read. The feed's key is the one that a backup leaves out, so that two nodes never write one feed.
 *
 *     DIR/home.json            home and node name
 *     DIR/keys/home.key        seed of the home key
 *     DIR/keys/node.key        seed of the node key
 *     DIR/keys/feed-<id>.key   secret key of the feed being written
 *     DIR/keys/database        the PostgreSQL database that has the rows, if one has: its URL may hold a password
 *     DIR/store/               the database, otherwise
 *     DIR/control.sock         where the command line reaches a running node
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type CryptoSuite, fromHex, type KeyPair, type SecureRandom, toHex } from '../base/index.ts';
import { type FeedId, type HomeName, parseHomeName } from '../protocol/index.ts';
import type { DatabasePlace } from '../store/postgres/index.ts';
import { NodeError } from './node-error.ts';

export interface HomeConfig {
  readonly home: HomeName;
  readonly node: string;
}

export interface DataFolderDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
}

const databaseSchema = z.strictObject({
  version: z.literal(1).optional(),
  url: z.string().min(1),
  schema: z.string().min(1),
});

export class DataFolder {
  #database: DatabasePlace | undefined;
  readonly path: string;
  readonly config: HomeConfig;
  readonly homeKey: KeyPair;
  readonly nodeKey: KeyPair;
  /** From which fake salts are derived: stable as long as the home is, and the same at each of its nodes. */
  readonly saltSecret: Uint8Array;
  /** Of the home key: what a node that is taken in gets. */
  readonly homeSeed: Uint8Array;

  private constructor(
    path: string,
    config: HomeConfig,
    keys: { home: KeyPair; homeSeed: Uint8Array; node: KeyPair; salt: Uint8Array },
    database: DatabasePlace | undefined,
  ) {
    this.#database = database;
    this.path = path;
    this.config = config;
    this.homeKey = keys.home;
    this.homeSeed = keys.homeSeed;
    this.nodeKey = keys.node;
    this.saltSecret = keys.salt;
  }

  /** Opens the folder, or makes it for `home`. Throws NodeError `wrong_home` when it belongs to another. */
  static async open(deps: DataFolderDeps, path: string, wanted: Partial<HomeConfig>): Promise<DataFolder> {
    await mkdir(join(path, 'keys'), { recursive: true, mode: 0o700 });
    const config = await openConfig(path, wanted);
    const home = await seedOf(deps, join(path, 'keys', 'home.key'));
    const node = await seedOf(deps, join(path, 'keys', 'node.key'));
    const keys = {
      home: deps.suite.keyPair(home),
      homeSeed: home,
      node: deps.suite.keyPair(node),
      salt: deps.suite.blake2b(home, new TextEncoder().encode('restante enrolment salt 1')),
    };
    return new DataFolder(path, config, keys, await readDatabase(path));
  }

  /** Makes the folder of a node that was taken in by a home. Throws NodeError `bad_folder` when it holds one. */
  static async create(
    deps: DataFolderDeps,
    path: string,
    node: { readonly config: HomeConfig; readonly homeSeed: Uint8Array; readonly nodeSeed: Uint8Array },
  ): Promise<DataFolder> {
    await mkdir(join(path, 'keys'), { recursive: true, mode: 0o700 });
    if ((await readHomeConfig(path)) !== undefined)
      throw new NodeError('bad_folder', `${path} holds a home already`, { fix: 'Choose another with --data.' });
    await writeDurably(join(path, 'keys', 'home.key'), `${toHex(node.homeSeed)}\n`);
    await writeDurably(join(path, 'keys', 'node.key'), `${toHex(node.nodeSeed)}\n`);
    // Last: a folder without it is no home yet.
    await writeDurably(join(path, 'home.json'), `${JSON.stringify(node.config)}\n`);
    return DataFolder.open(deps, path, node.config);
  }

  get storeFolder(): string {
    return join(this.path, 'store');
  }

  /** Where the rows are, when they are not in the folder. */
  get database(): DatabasePlace | undefined {
    return this.#database;
  }

  /** Whether there are rows in the folder. */
  async hasStore(): Promise<boolean> {
    return (await readdir(this.path)).includes('store');
  }

  /** Undefined: in the folder. On disk when it resolves. */
  async setDatabase(place: DatabasePlace | undefined): Promise<void> {
    const file = databaseFile(this.path);
    if (place === undefined) await rm(file, { force: true });
    else await writeDurably(file, `${JSON.stringify(place)}\n`);
    this.#database = place;
  }

  get controlSocket(): string {
    return join(this.path, 'control.sock');
  }

  /** The secret key of a feed; undefined when this folder does not have it: the feed is somebody else's, or retired. */
  async feedSecretKey(feed: FeedId): Promise<Uint8Array | undefined> {
    const text = await readText(this.#feedKeyFile(feed));
    return text === undefined ? undefined : fromHex(text.trim());
  }

  async saveFeedSecretKey(feed: FeedId, secretKey: Uint8Array): Promise<void> {
    await writeDurably(this.#feedKeyFile(feed), `${toHex(secretKey)}\n`);
  }

  /** A retired feed is never written again: its key goes. */
  async forgetFeedSecretKey(feed: FeedId): Promise<void> {
    await rm(this.#feedKeyFile(feed), { force: true });
  }

  #feedKeyFile(feed: FeedId): string {
    return join(this.path, 'keys', `feed-${feed.slice(0, 16)}.key`);
  }
}

/** The home of an existing folder; undefined when there is none yet. */
export async function readHomeConfig(path: string): Promise<HomeConfig | undefined> {
  const text = await readText(join(path, 'home.json'));
  if (text === undefined) return undefined;
  refuseNewer(join(path, 'home.json'), text);
  try {
    const fields = JSON.parse(text) as Partial<HomeConfig>;
    return { home: parseHomeName(fields.home ?? ''), node: fields.node ?? '' };
  } catch (cause) {
    throw new NodeError('bad_folder', `${join(path, 'home.json')} cannot be read`, {
      cause,
      fix: 'Restore the folder from a backup, or choose another with --data.',
    });
  }
}

/** What this program writes says nothing of its version: it is the first. */
const FILE_VERSION = 1;

/** Throws NodeError `newer_schema`. What is no JSON is judged by who reads it. */
function refuseNewer(file: string, text: string): void {
  let version: unknown;
  try {
    ({ version = FILE_VERSION } = JSON.parse(text) as { readonly version?: unknown });
  } catch {
    return;
  }
  if (typeof version !== 'number' || version <= FILE_VERSION) return;
  throw new NodeError('newer_schema', `${file} was written by a newer version of Restante`, {
    fix: 'Use that version again, or restore a backup that was made with this one.',
  });
}

function databaseFile(path: string): string {
  return join(path, 'keys', 'database');
}

async function readDatabase(path: string): Promise<DatabasePlace | undefined> {
  const text = await readText(databaseFile(path));
  if (text === undefined) return undefined;
  refuseNewer(databaseFile(path), text);
  try {
    const { url, schema } = databaseSchema.parse(JSON.parse(text));
    return { url, schema };
  } catch (cause) {
    throw new NodeError('bad_folder', `${databaseFile(path)} cannot be read`, {
      cause,
      fix: 'Write {"url":"postgres://…","schema":"…"} there, as it was.',
    });
  }
}

async function openConfig(path: string, wanted: Partial<HomeConfig>): Promise<HomeConfig> {
  const existing = await readHomeConfig(path);
  if (existing !== undefined) {
    if (wanted.home !== undefined && wanted.home !== existing.home)
      throw new NodeError('wrong_home', `${path} holds the home ${existing.home}, not ${wanted.home}`, {
        fix: `Leave --home out, or choose another folder with --data.`,
      });
    return existing;
  }
  if (wanted.home === undefined)
    throw new NodeError('bad_folder', `${path} holds no home yet`, { fix: 'Name one with --home.' });
  const config: HomeConfig = { home: wanted.home, node: wanted.node ?? 'a' };
  await writeDurably(join(path, 'home.json'), `${JSON.stringify(config)}\n`);
  return config;
}

async function seedOf(deps: DataFolderDeps, file: string): Promise<Uint8Array> {
  const text = await readText(file);
  if (text !== undefined) return fromHex(text.trim());
  const seed = deps.random.bytes(32);
  await writeDurably(file, `${toHex(seed)}\n`);
  return seed;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, on disk when it returns, readable by the owner only. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(join(file, '..'), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
