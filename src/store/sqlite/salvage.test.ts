import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { SILENT_LOG, toHex, utf8 } from '../../base/index.ts';
import type { Row } from '../store.ts';
import { all } from '../store-rows.contract.ts';
import { checkStore } from './integrity.ts';
import { PAGE_BYTES } from './limits.ts';
import { salvage } from './salvage.ts';
import { rowsOf } from './schema.ts';
import { SqliteStore } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'restante-salvage-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const ROWS = 1_000;
const keyOf = (i: number): Uint8Array => utf8(`key ${String(i).padStart(6, '0')}`);

/** 1 000 small rows and two large ones, closed: one file. */
async function fill(folder: string): Promise<readonly Row[]> {
  const store = await SqliteStore.open({ log: SILENT_LOG }, { folder, isThreaded: false });
  for (let from = 0; from < ROWS; from += 500)
    await store.transact((t) => {
      for (let i = from; i < from + 500; i++) t.put(keyOf(i), new Uint8Array(100).fill(i % 251));
    });
  await store.transact((t) => {
    for (const i of [1, 2]) t.put(utf8(`large ${i}`), new Uint8Array(100_000).fill(i));
  });
  const whole = await all(store);
  await store[Symbol.asyncDispose]();
  return whole;
}

const filled = join(root, 'filled');
const whole = await fill(filled);

/** A copy of it, to be damaged. */
function setup() {
  const folder = join(root, String(count++));
  cpSync(filled, folder, { recursive: true });
  const file = join(folder, 'store.db');
  return {
    folder,
    file,
    /** The second half of a page, as a write that was cut off leaves it. */
    tear(page: number): void {
      const descriptor = openSync(file, 'r+');
      writeSync(descriptor, new Uint8Array(PAGE_BYTES / 2).fill(0xa5), 0, PAGE_BYTES / 2, (page - 0.5) * PAGE_BYTES);
      closeSync(descriptor);
    },
    /** The pages of a b-tree, its root first. */
    pagesOf(name: string): number[] {
      const database = new DatabaseSync(file, { readOnly: true });
      const rows = rowsOf(database, `SELECT pageno FROM dbstat WHERE name = '${name}'`);
      database.close();
      return rows.map(([page]) => Number(page));
    },
    async rows(): Promise<readonly Row[]> {
      await using opened = await SqliteStore.open({ log: SILENT_LOG }, { folder, isThreaded: false });
      expect(checkStore(folder, () => undefined)).toMatchObject({ ok: true });
      return all(opened);
    },
  };
}

describe('salvaging a store', () => {
  test('leaves a sound one as it is', async () => {
    const { folder, file } = setup();
    const before = readFileSync(file);
    expect(salvage(folder)).toMatchObject({ problems: [], lost: [], damagedFolder: undefined });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder)).not.toContain('damaged-1');
  });

  test.each([
    { leaf: 'first', at: 0 },
    { leaf: 'middle', at: 0.5 },
    { leaf: 'last', at: 1 },
  ])('of a torn leaf, the $leaf one, keeps every row that is not on it, and names those that are', async ({ at }) => {
    const world = setup();
    const leaves = world.pagesOf('kv').slice(1);
    world.tear(leaves[Math.floor(at * (leaves.length - 1))] ?? 0);
    const { lost, isLostKnown, damagedFolder } = salvage(world.folder);
    const rows = await world.rows();
    const have = new Set(rows.map(({ key }) => toHex(key)));
    const missing = whole.map(({ key }) => toHex(key)).filter((key) => !have.has(key));
    expect(rows).toEqual(whole.filter(({ key }) => have.has(toHex(key))));
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length).toBeLessThan(200);
    expect(isLostKnown).toBe(true);
    expect(lost.map(toHex)).toEqual(missing);
    expect(existsSync(join(damagedFolder ?? '', 'store.db'))).toBe(true);
    // Once is as good as twice.
    expect(salvage(world.folder).problems).toEqual([]);
  });

  test('loses nothing where only the index is torn', async () => {
    const world = setup();
    const leaf = world.pagesOf('sqlite_autoindex_kv_1').at(-1) ?? 0;
    world.tear(leaf);
    const report = salvage(world.folder);
    expect(report.problems.length).toBeGreaterThan(0);
    expect(report.lost).toEqual([]);
    expect(await world.rows()).toEqual(whole);
  });

  test('keeps the file of a large value whose row is lost, where the next start does not sweep it', async () => {
    const world = setup();
    // The last rows stand on the last leaf of the table.
    world.tear(world.pagesOf('kv').at(-1) ?? 0);
    const { lost, damagedFolder } = salvage(world.folder);
    expect(lost.map((key) => new TextDecoder().decode(key))).toContain('large 2');
    await world.rows();
    expect(readdirSync(damagedFolder ?? '').sort()).toEqual(['1', '2', 'store.db']);
  });

  test('cut off, is begun again', async () => {
    const world = setup();
    world.tear(world.pagesOf('kv').at(-1) ?? 0);
    writeFileSync(`${world.file}.salvaging`, 'half a database');
    expect(salvage(world.folder).lost.length).toBeGreaterThan(0);
    expect(readdirSync(world.folder)).not.toContain('store.db.salvaging');
    await world.rows();
  });

  test('of a first page that is gone, says so and touches nothing', async () => {
    const world = setup();
    const descriptor = openSync(world.file, 'r+');
    writeSync(descriptor, new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES, 0);
    closeSync(descriptor);
    const before = readFileSync(world.file);
    expect(() => salvage(world.folder)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(readFileSync(world.file).equals(before)).toBe(true);
  });
});
