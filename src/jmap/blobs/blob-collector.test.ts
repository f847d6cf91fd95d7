import { expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, START, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { SILENT_LOG } from '../../base/index.ts';
import { BLOB_SWEEP_MS, UNREFERENCED_BYTES_MAX, UNREFERENCED_KEPT_MS } from '../limits.ts';
import { BlobCollector } from './blob-collector.ts';
import { MemoryBlobStore } from './memory-blob-store.ts';
import type { BlobEntry } from './ports.ts';

const never = new AbortController().signal;

async function* octets(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

async function setup() {
  const { account, clock, store } = await TestAccount.open();
  const blobStore = new MemoryBlobStore(() => clock.now());
  const collector = new BlobCollector({ store, blobStore, clock, log: SILENT_LOG, isQuiet: () => true });
  const put = async (text: string): Promise<string> => (await blobStore.put(ACCOUNT, octets(text), never)).id;
  const isThere = async (id: string): Promise<boolean> => (await blobStore.size(ACCOUNT, id)) !== undefined;
  return { account, clock, blobStore, collector, put, isThere };
}

const envelopeOf = (blobId: string, id: string) => ({
  id,
  blobId,
  size: 1,
  receivedAt: START,
  keywords: [],
  mailboxIds: [MAILBOXES.inbox],
  headerBlock: new Uint8Array(0),
  hasAttachment: false,
  preview: '',
  text: '',
});

test('what nothing refers to is forgotten after a day, and no earlier', async () => {
  const { account, clock, collector, put, isThere } = await setup();
  const [upload, email, again] = [await put('upload'), await put('email'), await put('again')];
  account.putEmails([envelopeOf(email, 'm1')], 'client');
  collector.start();
  await clock.advance(UNREFERENCED_KEPT_MS - BLOB_SWEEP_MS);
  expect(await Promise.all([upload, email, again].map(isThere))).toEqual([true, true, true]);
  await put('again'); // uploaded once more: its day begins anew
  await clock.advance(2 * BLOB_SWEEP_MS);
  expect(await Promise.all([upload, email, again].map(isThere))).toEqual([false, true, true]);
  account.removeEmails(['m1'], 'client');
  await clock.advance(BLOB_SWEEP_MS);
  expect(await isThere(email)).toBe(false);
  await collector[Symbol.asyncDispose]();
});

test('what is more than the quota goes oldest first, and never what came last', async () => {
  const { account, clock, blobStore, collector, put, isThere } = await setup();
  const ids: string[] = [];
  for (const text of ['first', 'second', 'third']) {
    ids.push(await put(text));
    await clock.advance(1000);
  }
  // As if each of them were half of the quota.
  blobStore.entries = async function* (accountId) {
    const entries: AsyncIterable<BlobEntry> = MemoryBlobStore.prototype.entries.call(this, accountId);
    for await (const entry of entries) yield { ...entry, sizeBytes: UNREFERENCED_BYTES_MAX / 2 };
  };
  await collector.uploaded(account, UNREFERENCED_BYTES_MAX / 2);
  expect(await Promise.all(ids.map(isThere))).toEqual([false, true, true]);
});
