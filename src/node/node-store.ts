/**
 * Where a node keeps its rows: in its folder, or in a PostgreSQL database that several nodes share, each in a schema of its
 * own. `keys/database` in the folder says which; it is written once, by `up --database` of a new folder or by `store move`.
 */
import { rm } from 'node:fs/promises';
import { type Clock, type Log, toHex } from '../base/index.ts';
import { type CopyOptions, copyRows, everyRow, haveSameRows, type Rows } from '../store/index.ts';
import { type DatabasePlace, PostgresStore } from '../store/postgres/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import { DataFolder, type DataFolderDeps } from './data-folder.ts';
import { NodeError } from './node-error.ts';

export type NodeStore = SqliteStore | PostgresStore;

export interface NodeStoreDeps extends DataFolderDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** `url`: of the database that is wanted, or where it is now; absent: as the folder says. Throws NodeError, StoreError. */
export async function openNodeStore(deps: NodeStoreDeps, folder: DataFolder, url?: string): Promise<NodeStore> {
  if (url !== undefined) {
    if (folder.database === undefined && (await folder.hasStore()))
      throw new NodeError('bad_folder', `${folder.path} keeps its mail in the folder`, {
        fix: `Move it with \`restante store move ${urlWithoutSecrets(url)}\`.`,
      });
    const place = { url, schema: folder.database?.schema ?? newSchema(deps) };
    const store = await PostgresStore.open(deps, { ...place, isNew: folder.database === undefined });
    await folder.setDatabase(place); // an address that leads to no store changes nothing
    return store;
  }
  const { database } = folder;
  if (database === undefined) return SqliteStore.open(deps, { folder: folder.storeFolder });
  return PostgresStore.open(deps, database);
}

/** Resolves when the store can go on no more although the process can: what it was is elsewhere, or nowhere. */
export function lossOf(store: NodeStore): Promise<Error> {
  return store instanceof SqliteStore ? new Promise(() => undefined) : store.lost;
}

/** A copy of one moment, in a folder of its own, while the store goes on. */
export async function copyToFolder(deps: { readonly log: Log }, store: NodeStore, to: string): Promise<void> {
  if (store instanceof SqliteStore) return store.backupTo(to);
  await using copy = await SqliteStore.open(deps, { folder: to });
  await copyRows(store.everything(), copy, { signal: new AbortController().signal, onProgress: () => undefined });
}

/** What is wrong with the database, in words. PostgreSQL looks after its own pages; what it cannot read, it says. */
export async function storeProblems(store: NodeStore): Promise<readonly string[]> {
  if (!(store instanceof SqliteStore)) return [];
  const { isLaidOut, problems } = await store.integrityCheck();
  // A file that is missing or too short is its block's matter.
  return isLaidOut ? [] : problems;
}

export interface MoveOptions extends Omit<CopyOptions, 'onProgress'> {
  /** Where to; undefined: into the folder. */
  readonly url: string | undefined;
  /** `total` is what the disk says, and `done` what was read: they agree roughly. */
  readonly onProgress: (stage: 'copying' | 'comparing', done: number, total: number) => void;
}

/**
 * Moves the rows of a node that does not run. The folder names the new place when every row is there and has been read back;
 * the old one is then cleared, so that no feed is ever written at two places. Interrupted, it is begun again.
 */
export async function moveStore(deps: NodeStoreDeps, path: string, options: MoveOptions): Promise<{ bytes: number }> {
  const folder = await DataFolder.open(deps, path, {});
  const from = folder.database;
  if (options.url === undefined && from === undefined)
    throw new NodeError('bad_folder', `${path} keeps its mail in the folder already`, {
      fix: 'Name a database: `restante store move postgres://…`.',
    });
  const to = options.url === undefined ? undefined : { url: options.url, schema: newSchema(deps) };
  let bytes = 0;
  {
    await using source = await openNodeStore(deps, folder);
    await using target = await openTarget(deps, folder, to);
    const total = await source.sizeBytes();
    const progress = (stage: 'copying' | 'comparing'): CopyOptions => ({
      signal: options.signal,
      onProgress: (done) => {
        bytes = done;
        options.onProgress(stage, Math.min(done, total), total);
      },
    });
    await copyRows(rowsOf(source), target, progress('copying'));
    if (!(await haveSameRows(rowsOf(source), rowsOf(target), progress('comparing'))))
      throw new NodeError('bad_folder', 'what was copied differs from what was there', {
        fix: 'Nothing was changed; check the disks with `restante verify`, and try again.',
      });
  }
  await folder.setDatabase(to);
  if (from === undefined) await rm(folder.storeFolder, { recursive: true });
  else await PostgresStore.drop(deps, from);
  return { bytes };
}

async function openTarget(deps: NodeStoreDeps, folder: DataFolder, to: DatabasePlace | undefined): Promise<NodeStore> {
  if (to !== undefined) return PostgresStore.open(deps, { ...to, isNew: true });
  // What an interrupted move has left there is not the store: the folder names a database.
  await rm(folder.storeFolder, { recursive: true, force: true });
  return SqliteStore.open(deps, { folder: folder.storeFolder });
}

function rowsOf(store: NodeStore): Rows {
  return store instanceof SqliteStore ? everyRow(store) : store.everything();
}

function newSchema({ random }: NodeStoreDeps): string {
  return `restante_${toHex(random.bytes(8))}`;
}

function urlWithoutSecrets(url: string): string {
  return URL.canParse(url) ? `postgres://…@${new URL(url).host}${new URL(url).pathname}` : 'postgres://…';
}
