import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import type { Engine, Scan, ScanResult } from './engine.ts';
import { EngineStore } from './engine-store.ts';
import { PENDING_BYTES_MAX } from './limits.ts';
import { MemoryEngine } from './memory/memory-store.ts';
import { all, text, texts } from './store-rows.contract.ts';
import type { WriteSet } from './write-set.ts';

/** A memory whose commits, and reads if asked to, wait until the test lets them go. */
class GatedEngine implements Engine {
  readonly #memory = new MemoryEngine();
  readonly commits: { readonly keys: string[]; readonly end: (error?: Error) => void }[] = [];
  readonly reads: (() => void)[] = [];
  holdReads = false;

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    if (this.holdReads) await new Promise<void>((resolve) => this.reads.push(resolve));
    return this.#memory.getMany(keys);
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#memory.scan(scan);
  }

  async commit(writes: WriteSet): Promise<void> {
    const keys: string[] = [];
    writes.forEach((key) => {
      keys.push(text(key));
    });
    await new Promise<void>((resolve, reject) => {
      this.commits.push({ keys, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
    await this.#memory.commit(writes);
  }

  turn(): Promise<void> {
    return this.#memory.turn();
  }

  sizeBytes(): Promise<number> {
    return this.#memory.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

interface Setup {
  readonly engine: GatedEngine;
  readonly store: EngineStore;
  readonly events: string[];
  /** A transaction that puts `name` and tells what becomes of it. */
  put(name: string): Promise<void>;
}

function setup(): Setup {
  const engine = new GatedEngine();
  const store = new EngineStore(engine);
  const events: string[] = [];
  const put = (name: string): Promise<void> =>
    store
      .transact((t) => {
        events.push(`${name} runs`);
        t.put(utf8(name), utf8(name));
        t.onCommit(() => events.push(`${name} committed`));
        t.onRollback(() => events.push(`${name} rolled back`));
      })
      .then(
        () => void events.push(`${name} resolved`),
        (error) => void events.push(`${name} ${error.code}`),
      );
  return { engine, store, events, put };
}

/** Lets everything run that waits for nothing outside. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Transactor', () => {
  test('all that finish while a commit is in flight share the next, each row once', async () => {
    const { engine, store, put } = setup();
    const done = [put('a')];
    await settle();
    done.push(put('b'), put('c'), put('b'));
    await settle();
    expect(engine.commits.map(({ keys }) => keys)).toEqual([['a']]);
    engine.commits[0]?.end();
    await settle();
    expect(engine.commits.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']]);
    engine.commits[1]?.end();
    await Promise.all(done);
    expect(texts(await all(store))).toEqual(['a=a', 'b=b', 'c=c']);
  });

  test('a later transaction sees what is not durable yet, plain reads do not, and it is announced when it is', async () => {
    const { engine, store, events, put } = setup();
    const first = put('a');
    await settle();
    const second = put('b');
    const seen = store.transact(async (t) => texts(await all(t)));
    await settle();
    expect(texts(await all(store))).toEqual([]);
    expect(events).toEqual(['a runs', 'b runs']);
    engine.commits[0]?.end();
    await first;
    expect(texts(await all(store))).toEqual(['a=a']);
    expect(events).toEqual(['a runs', 'b runs', 'a committed', 'a resolved']);
    engine.commits[1]?.end();
    await second;
    expect(await seen).toEqual(['a=a', 'b=b']);
    expect(engine.commits).toHaveLength(2);
  });

  test('a transaction that wrote nothing waits for what it may have seen, and for nothing when all is durable', async () => {
    const { engine, store, events, put } = setup();
    await store.transact((t) => t.get(utf8('a')));
    const first = put('a');
    await settle();
    const reader = store.transact((t) => t.get(utf8('a'))).then(() => events.push('reader resolved'));
    await settle();
    expect(events).toEqual(['a runs']);
    engine.commits[0]?.end();
    await Promise.all([first, reader]);
    expect(events.at(-1)).toBe('reader resolved');
    expect(engine.commits).toHaveLength(1);
  });

  test('a refusal that rests on what is not durable yet is told when it is', async () => {
    const { engine, store, events, put } = setup();
    const done = put('a');
    const refused = store
      .transact(async (t) => {
        t.put(utf8('b'), utf8('b'));
        if ((await t.get(utf8('a'))) !== undefined) throw new Error('a is taken');
      })
      .catch((error: Error) => void events.push(error.message));
    await settle();
    expect(events).toEqual(['a runs']);
    engine.commits[0]?.end();
    await Promise.all([done, refused]);
    expect(events).toEqual(['a runs', 'a committed', 'a resolved', 'a is taken']);
    expect(await store.get(utf8('b'))).toBeUndefined();
  });

  test('a failed commit fails all that may have seen it, takes back the latest first, and the store goes on', async () => {
    const { engine, store, events, put } = setup();
    const done = [put('a')];
    await settle();
    done.push(put('b'), put('c'));
    await settle();
    engine.commits[0]?.end(new Error('no disk'));
    await Promise.all(done);
    expect(events).toEqual([
      'a runs',
      'b runs',
      'c runs',
      'c rolled back',
      'b rolled back',
      'a rolled back',
      'a failed',
      'b failed',
      'c failed',
    ]);
    const next = store.transact(async (t) => {
      t.put(utf8('d'), utf8('d'));
      return texts(await all(t));
    });
    await settle();
    engine.commits[1]?.end();
    expect(await next).toEqual(['d=d']);
  });

  test('a failed commit lets the running transaction end first, whose reads and writes then fail', async () => {
    const { engine, store, events, put } = setup();
    engine.holdReads = true;
    const first = put('a');
    await settle();
    const running = store.transact(async (t) => {
      t.onRollback(() => events.push('running rolled back'));
      await t.get(utf8('x')).catch((error) => events.push(`read ${error.code}`));
      try {
        t.put(utf8('b'), utf8('b'));
      } catch (error) {
        events.push(`put ${(error as { code: string }).code}`);
      }
      events.push('running ends');
    });
    const next = store.transact((t) => {
      events.push('next runs');
      t.put(utf8('n'), utf8('n'));
    });
    await settle();
    engine.commits[0]?.end(new Error('no disk'));
    await settle();
    expect(events).toEqual(['a runs']);
    for (const release of engine.reads) release();
    await Promise.all([first, expect(running).rejects.toMatchObject({ code: 'failed', retry: 'later' })]);
    expect(events).toEqual([
      'a runs',
      'read failed',
      'put failed',
      'running ends',
      'running rolled back',
      'a rolled back',
      'next runs',
      'a failed',
    ]);
    await settle();
    engine.commits[1]?.end();
    await next;
    expect(texts(await all(store))).toEqual(['n=n']);
  });

  test('a read keeps the overlay it began with when its group becomes durable meanwhile', async () => {
    const { engine, store, put } = setup();
    const first = put('a');
    await settle();
    engine.holdReads = true;
    const reading = store.transact(async (t) => (await t.getMany([utf8('a'), utf8('z')])).map(text));
    await settle();
    engine.commits[0]?.end();
    await first;
    for (const release of engine.reads) release();
    expect(await reading).toEqual(['a', '(none)']);
  });

  test('when too much waits for the disk, no further transaction starts until a commit takes it', async () => {
    const { engine, store, events, put } = setup();
    const done: Promise<unknown>[] = [put('a')];
    await settle();
    const large = new Uint8Array(4 * 1024 * 1024);
    const tooMany = PENDING_BYTES_MAX / large.length + 1;
    for (let i = 0; i < tooMany; i++) done.push(store.transact((t) => t.put(utf8(`large ${i}`), large)));
    done.push(put('b'));
    await settle();
    expect(events).toEqual(['a runs']);
    engine.commits[0]?.end();
    await settle();
    expect(events).toContain('b runs');
    engine.commits[1]?.end();
    await settle();
    engine.commits[2]?.end();
    await Promise.all(done);
  });

  test('closing waits for transactions handed over and for their commit', async () => {
    const { engine, store, events, put } = setup();
    const done = put('a');
    const closing = store[Symbol.asyncDispose]().then(() => events.push('closed'));
    await settle();
    expect(events).toEqual(['a runs']);
    engine.commits[0]?.end();
    await Promise.all([done, closing]);
    expect(events).toEqual(['a runs', 'a committed', 'a resolved', 'closed']);
  });

  test('a rollback task that throws is told instead of the failure', async () => {
    const { store } = setup();
    const attempt = store.transact((t) => {
      t.onRollback(() => {
        throw new Error('mistake');
      });
      throw new Error('first');
    });
    await expect(attempt).rejects.toThrow('onRollback');
  });
});
