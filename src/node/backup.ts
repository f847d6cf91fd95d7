/**
 * Backups: the database as of one moment, the home's and the node's keys, and not the feed's secret key, so that a
 * restored node cannot write the feed that the original may still be writing.
 */
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CryptoSuite, Log } from '../base/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import { type DataFolder, readHomeConfig } from './data-folder.ts';
import { readFeeds } from './feeds.ts';
import { NodeError } from './node-error.ts';
import { copyToFolder, type NodeStore, storeProblems } from './node-store.ts';
import { type CheckOptions, type CheckResult, checkEverything } from './view-check.ts';

const KEPT = ['home.json', join('keys', 'home.key'), join('keys', 'node.key')];

/** Returns the bytes written. Throws NodeError `bad_folder` when `to` is not empty. */
export async function writeBackup(
  deps: { readonly log: Log },
  folder: DataFolder,
  store: NodeStore,
  to: string,
): Promise<number> {
  await makeEmpty(to);
  await mkdir(join(to, 'keys'), { mode: 0o700 });
  for (const file of KEPT) await copyFile(join(folder.path, file), join(to, file));
  await copyToFolder(deps, store, join(to, 'store'));
  return sizeOf(to);
}

/** Makes a data folder of a backup. The node that opens it begins a new feed. */
export async function restoreBackup(
  from: string,
  to: string,
): Promise<{ readonly home: string; readonly bytes: number }> {
  const config = await readHomeConfig(from);
  if (config === undefined) throw notABackup(from);
  await makeEmpty(to);
  await copyTree(from, to);
  return { home: config.home, bytes: await sizeOf(to) };
}

/** As `verify`, of a backup: it is opened and read as a whole, and stays what it was. */
export async function checkBackup(
  deps: { readonly suite: CryptoSuite; readonly log: Log },
  folder: string,
  options: CheckOptions,
): Promise<CheckResult> {
  const config = await readHomeConfig(folder);
  if (config === undefined) throw notABackup(folder);
  await using store = await SqliteStore.open(deps, { folder: join(folder, 'store') });
  const feeds = await readFeeds({ ...deps, store });
  return await checkEverything(
    { ...deps, home: config.home, store, feeds, checkStore: () => storeProblems(store) },
    options,
  );
}

function notABackup(folder: string): NodeError {
  return new NodeError('bad_folder', `${folder} is not a backup of a home`, {
    fix: 'Name the folder that `restante backup` wrote.',
  });
}

async function makeEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new NodeError('bad_folder', `${folder} is not empty`, {
      fix: 'Name a folder that is empty or does not exist yet.',
    });
}

async function copyTree(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await mkdir(target, { mode: 0o700 });
      await copyTree(source, target);
    } else if (entry.isFile()) await copyFile(source, target);
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}
