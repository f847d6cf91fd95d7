/**
 * A PostgreSQL with a standby that takes over when the first is killed: what was acknowledged is there where the standby was
 * waited for, and where it was not, its lack is noticed and nothing more is written.
 */
import { describe, expect, test } from 'vitest';
import { fromUtf8, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SystemClock } from '../../src/base/system/index.ts';
import { PostgresStore } from '../../src/store/postgres/index.ts';
import { Postgres, skipsWithoutPostgres } from '../harness/postgres.ts';
import { PostgresPair } from '../harness/postgres-pair.ts';

const deps = { clock: new SystemClock(), log: SILENT_LOG };
const ALL = { from: utf8('row '), to: utf8('row~'), limit: 1_000_000 };
const WRITERS = 8;
const ROWS_BETWEEN = 200;
const FAILOVERS = 3;

/** Adds rows from several callers at a time until it is told to end; what was acknowledged is in `acknowledged`. */
class Rows {
  readonly acknowledged = new Set<string>();
  readonly #store: PostgresStore;
  readonly #ended: Promise<unknown>;
  #next = 0;
  #isOver = false;

  constructor(store: PostgresStore) {
    this.#store = store;
    this.#ended = Promise.all(Array.from({ length: WRITERS }, () => this.#write()));
  }

  async untilMore(count: number): Promise<void> {
    const before = this.acknowledged.size;
    while (this.acknowledged.size < before + count) await new Promise((resolve) => setImmediate(resolve));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      const key = `row ${this.#next++}`;
      await this.#store.transact((transaction) => transaction.put(utf8(key), utf8('x')));
      this.acknowledged.add(key);
    }
  }
}

async function keysOf(store: PostgresStore): Promise<readonly string[]> {
  return (await store.range(ALL)).map(({ key }) => fromUtf8(key)).sort();
}

// PostgreSQL is a program of the machine, which skipsWithoutPostgres tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutPostgres('failover of PostgreSQL'))('a standby of PostgreSQL', () => {
  test('that was waited for takes over, and back: what was acknowledged is there, what was not yet is done once', async () => {
    await using pair = await PostgresPair.open({ isSynchronous: true });
    await using store = await PostgresStore.open(deps, { url: pair.url, schema: 'mail', isNew: true });
    const rows = new Rows(store);
    for (let i = 0; i < FAILOVERS; i++) {
      await rows.untilMore(ROWS_BETWEEN);
      const lost = await pair.failOver();
      await rows.untilMore(ROWS_BETWEEN);
      await pair.mend(lost);
    }
    await rows.end();
    expect(await keysOf(store)).toEqual([...rows.acknowledged].sort());
  });

  test('is read when it has taken over, also by a store that writes nothing', async () => {
    await using pair = await PostgresPair.open({ isSynchronous: true });
    await using store = await PostgresStore.open(deps, { url: pair.url, schema: 'mail', isNew: true });
    await store.transact((transaction) => transaction.put(utf8('row 1'), utf8('x')));
    await pair.failOver();
    expect(await keysOf(store)).toEqual(['row 1']);
  });

  test('is not written to before it has taken over, whichever host is named first', async () => {
    await using pair = await PostgresPair.open({ isSynchronous: true });
    const url = Postgres.urlOf([pair.standby, pair.primary]);
    await using store = await PostgresStore.open(deps, { url, schema: 'mail', isNew: true });
    await store.transact((transaction) => transaction.put(utf8('row 1'), utf8('x')));
    expect(await keysOf(store)).toEqual(['row 1']);
    const wanted = url.replace('read-write', 'any');
    await expect(PostgresStore.open(deps, { url: wanted, schema: 'other', isNew: true })).rejects.toMatchObject({
      code: 'failed',
      fix: expect.stringContaining('read-write'),
    });
  });

  for (const [what, isMade] of [
    ['the last commits', true],
    ['the whole store', false],
  ] as const)
    test(`that lacks ${what} is noticed: nothing more is written or read`, async () => {
      await using pair = await PostgresPair.open({ isSynchronous: false });
      if (isMade)
        await (await PostgresStore.open(deps, { url: pair.url, schema: 'mail', isNew: true }))[Symbol.asyncDispose]();
      if (!isMade) await pair.standby.kill();
      await using store = await PostgresStore.open(deps, { url: pair.url, schema: 'mail', isNew: !isMade });
      await store.transact((transaction) => transaction.put(utf8('row 1'), utf8('x')));
      await pair.standby.kill();
      await store.transact((transaction) => transaction.put(utf8('row 2'), utf8('x')));
      await pair.primary.kill();
      await pair.standby.start();
      await pair.failOver();
      const writing = store.transact((transaction) => transaction.put(utf8('row 3'), utf8('x')));
      await expect(writing).rejects.toMatchObject({ code: 'corrupt', fix: expect.any(String) });
      await expect(store.get(utf8('row 1'))).rejects.toMatchObject({ code: 'corrupt' });
      expect(await store.lost).toMatchObject({ code: 'corrupt' });
    });
});
