/** The version of what stands in the client's store. A store of a newer program is left alone. */
import { readUint64, uint64Bytes } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import { ClientError } from './client-error.ts';
import { SCHEMA_KEY } from './keys.ts';

export const CLIENT_SCHEMA = 1;

/** Throws ClientError `newer_schema`. */
export async function openSchema(store: Store): Promise<void> {
  const row = await store.get(SCHEMA_KEY);
  if (row === undefined) {
    await store.transact((transaction) => transaction.put(SCHEMA_KEY, uint64Bytes(CLIENT_SCHEMA)));
    return;
  }
  const version = readUint64(row);
  if (version !== CLIENT_SCHEMA)
    throw new ClientError(
      'newer_schema',
      `the mail on this device was written by a newer program (schema ${version})`,
      {
        fix: 'bring this program up to date',
      },
    );
}
