import { appendFile, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededSecureRandom, SILENT_LOG, utf8 } from '../../../base/index.ts';
import type { JournalRecord, SqlValue } from '../../../jmap/index.ts';
import { TABLES, type TableName } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import { SealedJournal, type SealedJournalOptions } from './sealed-journal.ts';

const hubKey = new SeededSecureRandom(1).bytes(32);

async function setup(changes: Partial<SealedJournalOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'restante-journal-'));
  const random = new SeededSecureRandom(2);
  let fence = 0;
  const failures: Error[] = [];
  const watch: { afterCheck?: () => void } = {};
  return {
    watch,
    folder,
    failures,
    /** Another host takes over. */
    takeOver: () => {
      fence = 2;
    },
    open: (more: Partial<SealedJournalOptions> = {}) =>
      SealedJournal.open(
        {
          random,
          log: SILENT_LOG,
          checkFence: () => {
            if (fence > (more.fence ?? 1)) throw new HubError('fenced', 'taken over');
            watch.afterCheck?.();
          },
          onFailed: (error) => failures.push(error),
        },
        { folder, hubKey, fence: 1, cache: 'disk', ...changes, ...more },
      ),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true });
    },
  };
}

function put(table: TableName, row: readonly SqlValue[]): JournalRecord {
  const keyLength = TABLES.find(({ name }) => name === table)?.keyLength ?? 1;
  return { table, key: row.slice(0, keyLength).join(' '), row };
}

function gone(table: TableName, key: string): JournalRecord {
  return { table, key, row: undefined };
}

async function allOf(journal: SealedJournal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (const portion of ['lists', 'rest'] as const)
    for await (const page of journal.load(portion)) records.push(...page);
  return records;
}

async function allRest(journal: SealedJournal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const page of journal.load('rest')) records.push(...page);
  return records;
}

const pending = (seq: number, detail = 'x'): JournalRecord => put('pending', [seq, 1, 'emailUpdate', 'e', detail, 0]);

describe('a sealed journal', () => {
  test('gives the last version of each row back, table after table', async () => {
    await using setting = await setup();
    {
      await using journal = await setting.open();
      expect(await allOf(journal)).toEqual([]);
      journal.append([
        put('text', [1, 'body']),
        put('header', [1, Uint8Array.of(0, 255, 10)]),
        put('state', [1, 'Email', 1, 0]),
      ]);
      journal.append([put('state', [1, 'Email', 2, 0]), put('text', [2, null]), gone('header', '7')]);
      journal.append([gone('text', '2')]);
      await journal.flush();
    }
    await using journal = await setting.open();
    expect(await allOf(journal)).toEqual([
      put('state', [1, 'Email', 2, 0]),
      put('header', [1, Uint8Array.of(0, 255, 10)]),
      put('text', [1, 'body']),
    ]);
  });

  test('reads back a transaction of more rows than a call has arguments, from its log and as a part', async () => {
    await using setting = await setup();
    const count = 150_000;
    const countOf = async (journal: SealedJournal): Promise<number> => {
      let rows = 0;
      for await (const records of journal.load('rest')) rows += records.length;
      return rows;
    };
    {
      await using journal = await setting.open();
      journal.append(Array.from({ length: count }, (_, i) => put('text', [i, null])));
      await journal.flush();
      expect(await countOf(journal)).toBe(count);
      // That log is full: it becomes a part.
      journal.append([put('text', [count, 'last'])]);
    }
    expect(setting.failures).toEqual([]);
    expect(await readdir(setting.folder)).toContain('1-1-1.part');
    await using journal = await setting.open();
    expect(await countOf(journal)).toBe(count + 1);
  });

  test('gives what came between the lists and the rest with the rest', async () => {
    await using setting = await setup();
    {
      await using journal = await setting.open();
      journal.append([put('text', [1, 'old']), put('text', [2, 'gone'])]);
    }
    await using journal = await setting.open();
    for await (const _ of journal.load('lists')) throw new Error('there are no lists');
    journal.append([put('text', [1, 'new']), put('text', [3, 'new']), gone('text', '2')]);
    const rest: JournalRecord[] = [];
    for await (const page of journal.load('rest')) rest.push(...page);
    expect(rest).toEqual([put('text', [1, 'new']), put('text', [3, 'new'])]);
  });

  test('keeps nothing that anybody can read without its key', async () => {
    await using setting = await setup({ logBytesMax: 100 });
    {
      await using journal = await setting.open();
      for (let seq = 1; seq <= 20; seq++) {
        journal.append([pending(seq, 'canary')]);
        await journal.flush();
      }
    }
    const files = await readdir(setting.folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect((await readFile(join(setting.folder, file))).includes('canary')).toBe(false);
    const other = new SeededSecureRandom(9).bytes(32);
    await expect(setting.open({ hubKey: other })).rejects.toMatchObject({ code: 'damaged' });
    expect(await readdir(setting.folder)).toEqual(files);
  });

  test('is the same set of rows as a map, through any turns, starts and merges', async () => {
    const operation = fc.oneof(
      fc.record({ put: fc.nat(8), value: fc.string({ unit: 'binary', maxLength: 60 }) }),
      fc.record({ remove: fc.nat(8) }),
    );
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.array(operation, { minLength: 1, maxLength: 5 }) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await using setting = await setup({ logBytesMax: 300 });
        const model = new Map<string, JournalRecord>();
        let journal = await setting.open();
        const check = async (): Promise<void> => {
          const found = await allOf(journal);
          expect(new Map(found.map((record) => [record.key, record]))).toEqual(model);
          expect(found).toHaveLength(model.size);
        };
        await check();
        for (const todo of steps) {
          if (todo === 'restart') {
            await journal[Symbol.asyncDispose]();
            journal = await setting.open();
            await check();
            continue;
          }
          const batch = todo.map((one) =>
            'put' in one
              ? put('object', [1, 'T', `${one.put}`, one.value.toWellFormed()])
              : gone('object', `1 T ${one.remove}`),
          );
          journal.append(batch);
          await journal.flush();
          for (const record of batch)
            if (record.row === undefined) model.delete(record.key);
            else model.set(record.key, record);
        }
        await journal[Symbol.asyncDispose]();
        journal = await setting.open();
        await check();
        await journal[Symbol.asyncDispose]();
        expect(setting.failures).toEqual([]);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  test('has every flushed transaction whole, wherever a crash cuts the log', async () => {
    await using setting = await setup();
    const journal = await setting.open();
    const sizes: number[] = [];
    const [log] = await readdir(setting.folder);
    const path = join(setting.folder, log as string);
    for (let seq = 1; seq <= 5; seq++) {
      journal.append([pending(seq), put('object', [1, 'T', `${seq}`, 'v'])]);
      await journal.flush();
      sizes.push((await stat(path)).size);
    }
    const whole = await readFile(path);
    await journal[Symbol.asyncDispose]();
    for (let cut = whole.length; cut >= 0; cut -= 7) {
      for (const file of await readdir(setting.folder)) await rm(join(setting.folder, file));
      await writeFile(path, whole.subarray(0, cut));
      await using again = await setting.open();
      const records = await allOf(again);
      expect(records).toHaveLength(2 * sizes.filter((size) => size <= cut).length);
    }
  });

  test('tells of a log in which a byte is another, wherever it stands, and drops nothing of it', async () => {
    await using setting = await setup();
    for (let seq = 1; seq <= 3; seq++) {
      await using journal = await setting.open();
      journal.append([pending(seq)]);
      await journal.flush();
      journal.append([pending(10 + seq)]);
      await journal.flush();
    }
    const damaged = expect.objectContaining({ code: 'damaged', fix: expect.stringContaining(setting.folder) });
    const files = (await readdir(setting.folder)).filter((file) => file.endsWith('.log'));
    expect(files).toHaveLength(3);
    for (const file of files) {
      const path = join(setting.folder, file);
      const whole = await readFile(path);
      // Behind the four bytes that say what file it is: those of another file are refused before.
      for (let at = 4; at < whole.length; at += 5) {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] as number) ^ 0x10;
        await writeFile(path, changed);
        await expect(setting.open().then(allOf)).rejects.toEqual(damaged);
      }
      await writeFile(path, whole);
    }
    expect((await readdir(setting.folder)).filter((file) => file.endsWith('.log'))).toEqual(files);
    await using journal = await setting.open();
    expect((await allOf(journal)).map(({ key }) => key).sort()).toEqual(['1', '11', '12', '13', '2', '3']);
  });

  test('takes zeros at the end, where bytes never reached the disk, for what a crash left', async () => {
    await using setting = await setup();
    const journal = await setting.open();
    journal.append([pending(1)]);
    await journal.flush();
    const [log] = await readdir(setting.folder);
    const path = join(setting.folder, log as string);
    const { size } = await stat(path);
    journal.append([pending(2)]);
    await journal.flush();
    await journal[Symbol.asyncDispose]();
    const whole = await readFile(path);
    for (const from of [size, size + 4, size + 9, size + 20, whole.length - 16]) {
      for (const file of await readdir(setting.folder)) await rm(join(setting.folder, file));
      await writeFile(path, Buffer.from(whole).fill(0, from));
      await using again = await setting.open();
      expect((await allOf(again)).map(({ key }) => key)).toEqual(['1']);
    }
  });

  test('takes no byte that a host writes which has lost its turn', async () => {
    await using setting = await setup();
    const before = await setting.open();
    before.append([pending(1)]);
    await before.flush();
    const [log] = await readdir(setting.folder);
    const path = join(setting.folder, log as string);
    const late = await readFile(path);
    // The other host reads what stands there, and then the paused one writes on: a copy of its own frame stands for it.
    const after = await setting.open({ fence: 2 });
    expect(await allOf(after)).toEqual([pending(1)]);
    await appendFile(path, late.subarray(36));
    setting.takeOver();
    before.append([pending(2)]);
    await expect(before.flush()).rejects.toMatchObject({ code: 'fenced' });
    expect(setting.failures).toMatchObject([{ code: 'fenced' }]);
    after.append([pending(3)]);
    await after.flush();
    await after[Symbol.asyncDispose]();
    await before[Symbol.asyncDispose]();
    await using third = await setting.open({ fence: 3 });
    expect((await allOf(third)).map(({ key }) => key)).toEqual(['1', '3']);
  });

  test('removes no file of which the host that takes over meanwhile has not seen the successor', async () => {
    await using setting = await setup({ logBytesMax: 100 });
    const before = await setting.open();
    before.append([pending(1, 'x'.repeat(200))]);
    await before.flush();
    const [log] = await readdir(setting.folder);
    // The first is of the write that begins another log, the second of the part that takes the place of this one.
    let checks = 0;
    setting.watch.afterCheck = () => {
      if (++checks === 2) setting.takeOver();
    };
    before.append([pending(2)]);
    await before.flush();
    await before[Symbol.asyncDispose]();
    expect(checks).toBe(2);
    expect(await readdir(setting.folder)).toContain(log);
  });

  test('gives everything that was appended before, however often another log is begun meanwhile', async () => {
    await using setting = await setup({ logBytesMax: 2_000 });
    await using journal = await setting.open();
    let count = 0;
    const add = (): void => journal.append([put('text', [++count, 'x'.repeat(1_500)])]);
    for (let round = 0; round < 60; round++) {
      add();
      const before = count;
      let isRead = false;
      const reading = allRest(journal).finally(() => {
        isRead = true;
      });
      while (!isRead) {
        add();
        await journal.flush();
      }
      expect((await reading).length).toBeGreaterThanOrEqual(before);
    }
    expect(setting.failures).toEqual([]);
  });

  test('in memory mode keeps what no agent can fill again, and nothing else', async () => {
    await using setting = await setup({ cache: 'memory' });
    {
      await using journal = await setting.open();
      journal.append([pending(1), put('text', [1, 'body']), put('state', [1, 'Email', 4, 0])]);
      await journal.flush();
    }
    await using journal = await setting.open();
    expect((await allOf(journal)).map(({ table }) => table)).toEqual(['state', 'pending']);
  });

  test('refuses a part that was changed or cut', async () => {
    await using setting = await setup({ logBytesMax: 50 });
    {
      await using journal = await setting.open();
      for (let seq = 1; seq <= 10; seq++) {
        journal.append([pending(seq)]);
        await journal.flush();
      }
    }
    const part = (await readdir(setting.folder)).find((file) => file.endsWith('.part'));
    const path = join(setting.folder, part as string);
    const { size } = await stat(path);
    await truncate(path, size - 1);
    {
      await using journal = await setting.open();
      await expect(allOf(journal)).rejects.toMatchObject({ code: 'damaged' });
    }
    await writeFile(path, utf8('RHJ1'));
    await expect(setting.open()).rejects.toMatchObject({ code: 'damaged' });
  });

  test('ends, and says so, when the disk does not take a write', async () => {
    await using setting = await setup();
    const journal = await setting.open();
    const [log] = await readdir(setting.folder);
    const probe = await open(join(setting.folder, log as string));
    const write = Object.getPrototypeOf(probe).writev;
    await probe.close();
    Object.getPrototypeOf(probe).writev = () =>
      Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    try {
      journal.append([pending(1)]);
      await expect(journal.flush()).rejects.toMatchObject({ code: 'failed', cause: { code: 'ENOSPC' } });
      journal.append([pending(2)]);
      await expect(journal.flush()).rejects.toMatchObject({ code: 'failed' });
      expect(setting.failures).toHaveLength(1);
    } finally {
      Object.getPrototypeOf(probe).writev = write;
      await journal[Symbol.asyncDispose]();
    }
  });
});
