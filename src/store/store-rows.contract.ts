/** What the store's tests write and read. */
import { utf8 } from '../base/index.ts';
import { KEY_BYTES_MAX, type Row, type Store, type StoreReader } from './store.ts';

/** Every key of the tests. */
export const EVERYTHING = {
  from: new Uint8Array(0),
  to: new Uint8Array(KEY_BYTES_MAX + 1).fill(255),
  limit: 1_000_000,
};

export function all(store: StoreReader): Promise<readonly Row[]> {
  return store.range(EVERYTHING);
}

export async function putAll(store: Store, keys: readonly string[]): Promise<void> {
  await store.transact((t) => {
    for (const key of keys) t.put(utf8(key), utf8(key));
  });
}

export function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '(none)' : new TextDecoder().decode(bytes);
}

export function texts(rows: readonly Row[]): string[] {
  return rows.map((row) => `${text(row.key)}=${text(row.value)}`);
}
