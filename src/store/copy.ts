/** All rows of one store in another: for moves between engines, and for backups. */
import { compareBytes } from '../base/index.ts';
import { KEY_BYTES_MAX, type Row, type Store, type StoreReader } from './store.ts';

/** Behind every key that a store holds. */
const END: Uint8Array = new Uint8Array(KEY_BYTES_MAX + 1).fill(255);
/** Rows read, and written, at once. */
const PAGE = { limit: 4096, maxBytes: 4 * 1024 * 1024 } as const;

export type Rows = AsyncIterable<readonly Row[]>;

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Bytes of keys and values so far. */
  readonly onProgress: (bytes: number) => void;
}

/** Every row of a store that nobody writes meanwhile, in the order of the keys. */
export async function* everyRow(store: StoreReader): Rows {
  for (let from = new Uint8Array(0); ; ) {
    const rows = await store.range({ from, to: END, ...PAGE });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    from = Uint8Array.from([...last.key, 0]);
  }
}

/** What was in `to` is gone first: an interrupted copy begins again. */
export async function copyRows(rows: Rows, to: Store, { onProgress, signal }: CopyOptions): Promise<void> {
  await to.transact((transaction) => transaction.deleteRange(new Uint8Array(0), END));
  let bytes = 0;
  for await (const page of rows) {
    signal.throwIfAborted();
    await to.transact((transaction) => {
      for (const { key, value } of page) transaction.put(key, value);
    });
    bytes += page.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    onProgress(bytes);
  }
}

/** Whether both have the same rows, compared byte by byte. */
export async function haveSameRows(a: Rows, b: Rows, { onProgress, signal }: CopyOptions): Promise<boolean> {
  const [left, right] = [oneByOne(a), oneByOne(b)];
  let bytes = 0;
  for (;;) {
    signal.throwIfAborted();
    const [one, other] = await Promise.all([left.next(), right.next()]);
    if (one.done === true || other.done === true) return one.done === other.done;
    const isSame =
      compareBytes(one.value.key, other.value.key) === 0 && compareBytes(one.value.value, other.value.value) === 0;
    if (!isSame) return false;
    bytes += one.value.key.length + one.value.value.length;
    onProgress(bytes);
  }
}

async function* oneByOne(rows: Rows): AsyncGenerator<Row, void, void> {
  for await (const page of rows) yield* page;
}
