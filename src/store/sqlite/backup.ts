/**
 * Copies a store, which may be open and written meanwhile, into another folder: one snapshot of the database, and its value
 * files as hard links where the file system allows, as copies elsewhere. Value files never change, so a link is as good.
 *
 * The database comes last, under its name: a folder without it is not a backup.
 */
import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { StoreError } from '../store-error.ts';
import { createFolder, DATABASE_FILE, openReader } from './database.ts';
import { rowsOf } from './schema.ts';
import { syncFile, syncFolder, ValueFiles } from './value-files.ts';

/** `to` is missing or empty. Dropped value files must stay until it is done. `throwIfEnding` is asked between steps. */
export function backUp(from: string, to: string, throwIfEnding: () => void): void {
  createFolder(to);
  if (readdirSync(to).length > 0)
    throw new StoreError('failed', `${to} is not empty`, { fix: 'Name a folder that is new or empty.' });
  const partial = join(to, `${DATABASE_FILE}.partial`);
  const database = openReader(from);
  try {
    database.prepare('VACUUM INTO ?').run(partial);
  } finally {
    database.close();
  }
  copyValueFiles(new ValueFiles(from), new ValueFiles(to), listedIn(partial), { root: to, throwIfEnding });
  syncFile(partial);
  renameSync(partial, join(to, DATABASE_FILE));
  syncFolder(to);
}

function listedIn(database: string): readonly number[] {
  const copy = new DatabaseSync(database, { readOnly: true });
  try {
    return rowsOf(copy, 'SELECT id FROM value_file').map(([id]) => Number(id));
  } finally {
    copy.close();
  }
}

interface Copying {
  readonly root: string;
  readonly throwIfEnding: () => void;
}

function copyValueFiles(
  from: ValueFiles,
  to: ValueFiles,
  ids: readonly number[],
  { root, throwIfEnding }: Copying,
): void {
  const folders = new Set<string>();
  for (const id of ids) {
    throwIfEnding();
    const target = to.pathOf(id);
    const folder = dirname(target);
    if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
    folders.add(folder);
    try {
      linkSync(from.pathOf(id), target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOSPC') throw error;
      copyFileSync(from.pathOf(id), target); // another disk, or no hard links on this one
      syncFile(target);
    }
  }
  for (const folder of folders) syncFolder(folder);
  if (folders.size > 0) syncFolder(join(root, 'values'));
}
