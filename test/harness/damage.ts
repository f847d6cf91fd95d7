/** Damages what a program that does not run has on its disk, as bad disks and torn writes do. */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { equalBytes, SILENT_LOG } from '../../src/base/index.ts';
import type { Row, StoreTransaction } from '../../src/store/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { rowsOf as selected } from '../../src/store/sqlite/schema.ts';

const PAGE_BYTES = 8192;

/** Changes rows of a store that nobody has open. */
export async function changeRows(
  folder: string,
  edit: (transaction: StoreTransaction) => Promise<void>,
): Promise<void> {
  await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder });
  await store.transact(edit);
}

export async function rowsOf(folder: string): Promise<readonly Row[]> {
  await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder });
  return store.range({ from: new Uint8Array(0), to: new Uint8Array(1025).fill(255), limit: 1_000_000 });
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] as number) ^ 1);
}

export type FileDamage = 'truncated' | 'flipped' | 'missing';
export const FILE_DAMAGES: readonly FileDamage[] = ['truncated', 'flipped', 'missing'];

/** The file of a large value. */
export function damageFile(folder: string, value: Uint8Array, damage: FileDamage): void {
  const path = fileOf(folder, value);
  if (damage === 'missing') rmSync(path);
  else if (damage === 'truncated') truncateSync(path, Math.floor(value.length / 2));
  else writeFileSync(path, flipped(value, value.length - 7));
}

function fileOf(folder: string, value: Uint8Array): string {
  const values = join(folder, 'values');
  for (const name of readdirSync(values, { recursive: true, encoding: 'utf8' })) {
    const path = join(values, name);
    if (statSync(path).isFile() && equalBytes(readFileSync(path), value)) return path;
  }
  throw new Error('no file has that value');
}

/** The pages of the table of rows or of the index of keys, leaves only, in their order in the file. */
export function leavesOf(folder: string, of: 'rows' | 'keys'): readonly number[] {
  const database = new DatabaseSync(join(folder, 'store.db'), { readOnly: true });
  try {
    const name = of === 'rows' ? 'kv' : 'sqlite_autoindex_kv_1';
    const leaves = `SELECT pageno FROM dbstat WHERE name = '${name}' AND pagetype = 'leaf' ORDER BY pageno`;
    return selected(database, leaves).map(([page]) => Number(page));
  } finally {
    database.close();
  }
}

/** The second half of a page is not what was written: a write that was cut off. */
export function tearPage(folder: string, page: number): void {
  const half = PAGE_BYTES / 2;
  const descriptor = openSync(join(folder, 'store.db'), 'r+');
  writeSync(descriptor, new Uint8Array(half).fill(0xa5), 0, half, (page - 1) * PAGE_BYTES + half);
  closeSync(descriptor);
}
