import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { SILENT_LOG, utf8 } from '../../base/index.ts';
import { storeContract } from '../store.contract.ts';
import { all, EVERYTHING, putAll, text, texts } from '../store-rows.contract.ts';
import { SqliteStore } from './sqlite-store.ts';
import { ValueFiles } from './value-files.ts';

const root = mkdtempSync(join(tmpdir(), 'restante-store-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
const newFolder = (): string => join(root, String(count++));
const open = (folder: string): Promise<SqliteStore> => SqliteStore.open({ log: SILENT_LOG }, { folder });

storeContract('SqliteStore', () => open(newFolder()));
storeContract('SqliteStore without threads', () =>
  SqliteStore.open({ log: SILENT_LOG }, { folder: newFolder(), isThreaded: false }),
);

const LARGE = 100_000;
const large = (seed: number): Uint8Array => new Uint8Array(LARGE + seed).fill(seed);
const valueFilesIn = (folder: string): string[] =>
  existsSync(join(folder, 'values'))
    ? readdirSync(join(folder, 'values'), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('/'))
    : [];

/** Descriptors that this process has of these files read nothing until they are given back. */
function takeAway(files: readonly string[]): () => void {
  const taken = readdirSync('/proc/self/fd').flatMap((name) => {
    const link = `/proc/self/fd/${name}`;
    const file = existsSync(link) ? readlinkSync(link) : '';
    return files.includes(file) ? [{ fd: Number(name), file }] : [];
  });
  for (const { fd } of taken) closeSync(fd);
  return () => {
    for (const { fd, file } of taken.sort((one, other) => one.fd - other.fd)) {
      const others: number[] = [];
      // The lowest that is free comes first.
      for (let opened = openSync(file, 'r+'); opened !== fd; opened = openSync(file, 'r+')) others.push(opened);
      others.forEach(closeSync);
    }
  };
}

describe('SqliteStore', () => {
  test('what was written is there when the folder is opened again', async () => {
    const folder = newFolder();
    for (let round = 1; round <= 3; round++) {
      await using store = await open(folder);
      expect(await all(store)).toHaveLength((round - 1) * 2);
      await store.transact((t) => {
        t.put(utf8(`small ${round}`), utf8('x'));
        t.put(utf8(`large ${round}`), large(round));
      });
    }
    await using store = await open(folder);
    for (let round = 1; round <= 3; round++) expect(await store.get(utf8(`large ${round}`))).toEqual(large(round));
  });

  test('a folder that is open is locked, for this process and for others, until it is closed', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await expect(open(folder)).rejects.toMatchObject({ code: 'locked', fix: expect.stringContaining('Stop') });
    expect(await openElsewhere(folder)).toBe('locked');
    await store[Symbol.asyncDispose]();
    expect(await openElsewhere(folder)).toBe('opened');
    await using again = await open(folder);
    expect(await all(again)).toEqual([]);
  });

  test('a folder of a newer program is refused with what to do, and left as it is', async () => {
    const folder = newFolder();
    await (await open(folder))[Symbol.asyncDispose]();
    const database = new DatabaseSync(join(folder, 'store.db'));
    database.exec('PRAGMA user_version = 1000');
    await expect(open(folder)).rejects.toMatchObject({
      code: 'newer_schema',
      message: expect.stringContaining('newer version'),
      fix: expect.stringContaining('restore a backup'),
      details: { found: 1000 },
    });
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1000 });
    database.exec('PRAGMA user_version = 1');
    database.close();
    await (await open(folder))[Symbol.asyncDispose](); // the refused open has let go of the lock
  });

  test('a database of something else, and a file that is none, are corrupt', async () => {
    const folder = newFolder();
    await (await open(folder))[Symbol.asyncDispose]();
    rmSync(join(folder, 'store.db'));
    const other = new DatabaseSync(join(folder, 'store.db'));
    other.exec('CREATE TABLE bookmarks (url TEXT)');
    other.close();
    await expect(open(folder)).rejects.toMatchObject({ code: 'corrupt', fix: 'Name another folder.' });
    writeFileSync(join(folder, 'store.db'), new Uint8Array(20_000).fill(120));
    await expect(open(folder)).rejects.toMatchObject({ code: 'corrupt' });
  });

  test('a folder that is refused time and again leaves the process as it is: its threads end when they have come up', async () => {
    const folder = newFolder();
    await (await open(folder))[Symbol.asyncDispose]();
    writeFileSync(join(folder, 'store.db'), new Uint8Array(20_000).fill(120));
    for (let round = 0; round < 15; round++) await expect(open(folder)).rejects.toMatchObject({ code: 'corrupt' });
  });

  test('damage that is found while rows are read is corrupt', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await store.transact((t) => {
      for (let i = 0; i < 2000; i++) t.put(utf8(`key ${i}`), new Uint8Array(500));
    });
    await store[Symbol.asyncDispose]();
    const file = openSync(join(folder, 'store.db'), 'r+');
    for (let page = 40; page < 100; page++) writeSync(file, new Uint8Array(200).fill(170), 0, 200, page * 8192);
    closeSync(file);
    await using damaged = await open(folder);
    await expect(all(damaged)).rejects.toMatchObject({ code: 'corrupt' });
    const { ok, problems } = await damaged.integrityCheck();
    expect(ok).toBe(false);
    expect(problems.length).toBeGreaterThan(0);
  });

  test('after a disk that could not be read, answers belong to their questions', {
    skip: process.platform !== 'linux',
  }, async () => {
    const folder = newFolder();
    const key = (i: number): Uint8Array => utf8(`key ${String(i).padStart(5, '0')}`);
    {
      await using store = await open(folder);
      await store.transact((t) => {
        for (let i = 0; i < 20_000; i++) t.put(key(i), new Uint8Array(500).fill(i % 251));
      });
    }
    await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder, isThreaded: false });
    expect(await store.get(key(1))).toEqual(new Uint8Array(500).fill(1));
    expect(await store.get(key(2))).toEqual(new Uint8Array(500).fill(2));
    const giveBack = takeAway([join(folder, 'store.db'), join(folder, 'store.db-wal')]);
    const asked = await Promise.allSettled([store.get(key(1)), store.get(key(19_000))]);
    giveBack();
    expect(asked[1]?.status).toBe('rejected');
    expect(await store.get(key(2))).toEqual(new Uint8Array(500).fill(2));
    expect(await store.get(key(19_000))).toEqual(new Uint8Array(500).fill(19_000 % 251));
  });

  test('a folder that cannot be made is failed with the reason', async () => {
    const folder = newFolder();
    writeFileSync(folder, 'a file');
    await expect(open(join(folder, 'inside'))).rejects.toMatchObject({ code: 'failed', message: /ENOTDIR/ });
  });

  test("the folder is its owner's alone", { skip: process.platform === 'win32' }, async () => {
    const folder = newFolder();
    await using _ = await open(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
});

describe('value files of SqliteStore', () => {
  test('replaced, deleted and range-deleted large values leave no file behind', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await store.transact((t) => {
      for (let i = 1; i <= 6; i++) t.put(Uint8Array.of(i), large(i));
    });
    expect(valueFilesIn(folder)).toHaveLength(6);
    await store.transact((t) => {
      t.put(Uint8Array.of(1), large(7));
      t.put(Uint8Array.of(2), utf8('small now'));
      t.delete(Uint8Array.of(3));
      t.deleteRange(Uint8Array.of(4), Uint8Array.of(6));
    });
    expect((await all(store)).map((row) => row.value.length)).toEqual([LARGE + 7, 9, LARGE + 6]);
    expect(await store.sizeBytes()).toBeLessThan(2.5 * LARGE + 100_000);
    await store[Symbol.asyncDispose]();
    expect(valueFilesIn(folder)).toHaveLength(2);
  });

  test('a transaction that throws leaves no file, and neither does a value that another in the same commit replaced', async () => {
    const folder = newFolder();
    await using store = await open(folder);
    const thrown = store.transact((t) => {
      t.put(utf8('a'), large(1));
      throw new Error('no');
    });
    await expect(thrown).rejects.toThrow('no');
    expect(valueFilesIn(folder)).toEqual([]);
    await Promise.all([2, 3, 4].map((seed) => store.transact((t) => t.put(utf8('a'), large(seed)))));
    expect(await store.get(utf8('a'))).toEqual(large(4));
  });

  test('readers of large values never miss a file that a commit drops under them', async () => {
    await using store = await open(newFolder());
    // A read takes long before it comes to the last two values, which are replaced together all the while.
    await store.transact((t) => {
      for (let key = 0; key < 60; key++) t.put(Uint8Array.of(key), large(1));
    });
    let isDone = false;
    const writing = (async () => {
      for (let seed = 2; seed < 40; seed++)
        await store.transact((t) => {
          for (const key of [58, 59]) t.put(Uint8Array.of(key), large(seed));
        });
      isDone = true;
    })();
    const sizes = new Set<number>();
    while (!isDone) {
      const [a, b] = (await all(store)).slice(58);
      expect(a?.value.length).toBe(b?.value.length); // one snapshot
      sizes.add(a?.value.length as number);
    }
    await writing;
    expect(sizes.size).toBeGreaterThan(1);
  });

  test('files that no row names are swept when the folder is opened', async () => {
    const folder = newFolder();
    const store = await open(folder);
    await store.transact((t) => t.put(utf8('a'), large(1)));
    await store[Symbol.asyncDispose]();
    // As if the process had died between the file and the commit that would have named it.
    new ValueFiles(folder).write([
      { id: 2, bytes: large(2) },
      { id: 7000, bytes: large(3) },
    ]);
    await using again = await open(folder);
    expect(valueFilesIn(folder)).toEqual([join('0', '1')]);
    await again.transact((t) => t.put(utf8('b'), large(4)));
    expect(await again.get(utf8('b'))).toEqual(large(4));
  });

  test('a missing file is corrupt for those who read it, and the integrity check names it', async () => {
    const folder = newFolder();
    await using store = await open(folder);
    await store.transact((t) => {
      t.put(utf8('a'), large(1));
      t.put(utf8('b'), utf8('fine'));
    });
    expect(await store.integrityCheck()).toEqual({ ok: true, isLaidOut: true, problems: [] });
    unlinkSync(new ValueFiles(folder).pathOf(1));
    // Asked in one turn, so that they share a message.
    const [damaged, fine, both] = await Promise.allSettled([
      store.get(utf8('a')),
      store.get(utf8('b')),
      store.range(EVERYTHING),
    ]);
    expect(damaged).toMatchObject({ status: 'rejected', reason: { code: 'corrupt' } });
    expect(fine).toEqual({ status: 'fulfilled', value: utf8('fine') });
    expect(both).toMatchObject({ status: 'rejected', reason: { code: 'corrupt' } });
    expect(await store.integrityCheck()).toEqual({ ok: false, isLaidOut: true, problems: ['value file 1 is missing'] });
  });
});

describe('backups of SqliteStore', () => {
  test('a backup made while transactions go on is one moment of the store, and opens as a store', async () => {
    await using store = await open(newFolder());
    const target = newFolder();
    let isDone = false;
    const write = async (): Promise<number> => {
      let round = 0;
      for (; !isDone; round++)
        await store.transact((t) => {
          t.put(utf8('small'), utf8(String(round)));
          t.put(utf8('large'), large(round % 200));
          t.put(utf8(`row ${round}`), new Uint8Array(500));
        });
      return round;
    };
    const writing = write();
    for (let tries = 0; tries < 3; tries++) {
      rmSync(target, { recursive: true, force: true });
      await store.backupTo(target);
    }
    isDone = true;
    const rounds = await writing;
    expect(rounds).toBeGreaterThan(3);
    await using copy = await open(target);
    expect(await copy.integrityCheck()).toEqual({ ok: true, isLaidOut: true, problems: [] });
    const round = Number(text(await copy.get(utf8('small'))));
    expect(await copy.get(utf8('large'))).toEqual(large(round % 200));
    expect(await copy.range({ from: utf8('row '), to: utf8('row!'), limit: 1_000_000 })).toHaveLength(round + 1);
  });

  test('a backup goes into a new or empty folder only, and the copy lives on its own', async () => {
    await using store = await open(newFolder());
    await store.transact((t) => t.put(utf8('a'), large(1)));
    const target = newFolder();
    await store.backupTo(target);
    await expect(store.backupTo(target)).rejects.toMatchObject({ code: 'failed', message: /not empty/ });
    await store.transact((t) => t.delete(utf8('a')));
    await using copy = await open(target);
    await copy.transact((t) => t.put(utf8('b'), large(2)));
    expect(await copy.getMany([utf8('a'), utf8('b')])).toEqual([large(1), large(2)]);
    expect(await all(store)).toEqual([]);
  });

  test('closing the store ends a backup under way, which says so', async () => {
    const store = await open(newFolder());
    await putAll(store, ['a']);
    const backup = expect(store.backupTo(newFolder())).rejects.toMatchObject({ code: 'failed' });
    await store[Symbol.asyncDispose]();
    await backup;
    await expect(store.backupTo(newFolder())).rejects.toMatchObject({ code: 'closed' });
    await expect(store.integrityCheck()).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('threads of SqliteStore', () => {
  test('when the writer dies, commits fail and reads go on; when the reader dies, reads fail; closing still ends', async () => {
    const threads: Worker[] = [];
    const onWorker = (worker: Worker): void => void threads.push(worker);
    process.on('worker', onWorker);
    const store = await open(newFolder());
    process.off('worker', onWorker);
    const [writer, reader] = threads;
    await putAll(store, ['a']);
    writer?.postMessage(null); // no message of its line: it throws
    const pending = store.transact((t) => t.put(utf8('b'), new Uint8Array(3_000_000)));
    await expect(pending).rejects.toMatchObject({ code: 'failed', message: /writer thread/ });
    await expect(putAll(store, ['c'])).rejects.toMatchObject({ code: 'failed' });
    expect(texts(await store.range({ ...EVERYTHING, to: utf8('b') }))).toEqual(['a=a']);
    reader?.postMessage(null);
    await expect(store.get(utf8('a'))).rejects.toMatchObject({ code: 'failed', message: /reader thread/ });
    await store[Symbol.asyncDispose]();
  });
});

/** Opens `folder` in another process and says how that went. */
async function openElsewhere(folder: string): Promise<string> {
  const door = new URL('../../../dist/store/sqlite/index.js', import.meta.url).href;
  const script = `
    import { SqliteStore } from ${JSON.stringify(door)};
    const store = await SqliteStore.open({ log: console }, { folder: process.argv[1] }).catch((error) => error);
    console.log(store.code === 'failed' ? store.message : (store.code ?? 'opened'));
    await store[Symbol.asyncDispose]?.();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  return output.trim();
}
