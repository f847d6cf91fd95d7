/** A store whose process may die at any step, or whose disk may fail there: nothing of it is heard afterwards. */
import type { Store, StoreReader, StoreTransaction } from '../../store/index.ts';

/** Decides whether the next step of a home fails or is its last. */
export type Fate = (step: string) => 'go' | 'fail' | 'die';

/** One run of a home's process. */
export interface Life {
  isOver: boolean;
}

/** A store that fails, or a process that is gone. */
export class Fault extends Error {}

/** Steps are each read, the end of each commit, and what comes right after it. */
export function mortalStore(store: Store, life: Life, fate: Fate): Store {
  const at = (step: string): void => {
    if (life.isOver) throw new Fault('dead');
    const next = fate(step);
    if (next === 'die') life.isOver = true;
    if (next !== 'go') throw new Fault(`${next} at ${step}`);
  };
  const readingOf = (reader: StoreReader): StoreReader => ({
    get: async (key) => {
      at('read');
      return reader.get(key);
    },
    getMany: async (keys) => {
      at('read');
      return reader.getMany(keys);
    },
    range: async (range) => {
      at('read');
      return reader.range(range);
    },
  });
  return {
    ...readingOf(store),
    sizeBytes: () => store.sizeBytes(),
    transact: async (work) => {
      if (life.isOver) throw new Fault('dead');
      const result = await store.transact(async (rows) => {
        const done = await work({ ...writingOf(rows), ...readingOf(rows) });
        at('commit');
        return done;
      });
      // A commit that has happened is reported, unless its process dies just then.
      if (life.isOver || fate('committed') === 'die') {
        life.isOver = true;
        throw new Fault('die after a commit');
      }
      return result;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function writingOf(rows: StoreTransaction): Omit<StoreTransaction, keyof StoreReader> {
  return {
    put: (key, value) => rows.put(key, value),
    delete: (key) => rows.delete(key),
    deleteRange: (from, to) => rows.deleteRange(from, to),
    onCommit: (task) => rows.onCommit(task),
    onRollback: (task) => rows.onRollback(task),
  };
}
