import { describe, expect, test } from 'vitest';
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
  const collector = new BlobCollector({ store, blobStore, clock, log: SILENT_LOG, quietAfter: () => 0 });
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

test('many blobs are not each compared with every email', { timeout: 60_000 }, async () => {
  const { account, blobStore, collector } = await setup();
  const ids = Array.from({ length: 40_000 }, (_, index) => `b${String(index).padStart(64, '0')}`);
  account.putEmails(
    ids.slice(0, 3_000).map((blobId, index) => envelopeOf(blobId, `m${index}`)),
    'client',
  );
  const deleted: string[] = [];
  blobStore.entries = async function* () {
    for (const id of ids) yield { id, sizeBytes: 1, storedAt: START };
    yield { id: 'old', sizeBytes: 1, storedAt: START - 2 * UNREFERENCED_KEPT_MS };
  };
  blobStore.delete = async (_accountId, blobId) => {
    deleted.push(blobId);
  };
  const before = process.cpuUsage();
  await collector.uploaded(account, 1);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(5_000);
  expect(deleted).toEqual(['old']);
});

describe('what was uploaded days ago', () => {
  const MESSAGE = 'Subject: kept\r\n\r\ntext';

  /** The sweep lists it, and deletes it, not before the test lets it. */
  async function sweep() {
    const test = await TestAccount.open();
    const { blobStore } = test;
    const { id: blobId } = await blobStore.put(ACCOUNT, octets(MESSAGE), never);
    const listing = step();
    const deletion = step();
    blobStore.entries = async function* () {
      await listing.reached();
      yield { id: blobId, sizeBytes: 1, storedAt: START - 2 * UNREFERENCED_KEPT_MS };
    };
    blobStore.delete = async (...args) => {
      await deletion.reached();
      await MemoryBlobStore.prototype.delete.apply(blobStore, args);
    };
    const importing = () =>
      test.call<{ created: Record<string, { id: string }> | null; notCreated: object | null }>('Email/import', {
        emails: { k: { blobId, mailboxIds: { [MAILBOXES.inbox]: true } } },
      });
    const isThere = async (): Promise<boolean> => (await blobStore.size(ACCOUNT, blobId)) !== undefined;
    return { test, blobStore, listing, deletion, importing, isThere };
  }

  test('stays for a request that has found it', async () => {
    const { test, blobStore, listing, deletion, importing, isThere } = await sweep();
    const found = step();
    let looks = 0;
    blobStore.size = async (...args) => {
      const size = await MemoryBlobStore.prototype.size.apply(blobStore, args);
      if (++looks === 2) await found.reached();
      return size;
    };
    await test.clock.advance(BLOB_SWEEP_MS);
    const imported = importing();
    await found.isReached;
    deletion.pass();
    listing.pass();
    await test.clock.advance(0);
    found.pass();
    expect((await imported).notCreated).toBeNull();
    expect(await isThere()).toBe(true);
  });

  test('is not found by a request that comes while it is deleted', async () => {
    const { test, listing, deletion, importing } = await sweep();
    listing.pass();
    await test.clock.advance(BLOB_SWEEP_MS);
    await deletion.isReached;
    const imported = importing();
    await test.clock.advance(0);
    deletion.pass();
    expect(await imported).toMatchObject({
      created: null,
      notCreated: { k: { type: 'invalidProperties', properties: ['blobId'] } },
    });
  });

  test('stays if it is uploaded again while old ones are looked for', async () => {
    const { test, listing, deletion, isThere } = await sweep();
    await test.clock.advance(BLOB_SWEEP_MS);
    await listing.isReached;
    const uploaded = test.jmap.upload(ACCOUNT, octets(MESSAGE), never);
    await test.clock.advance(0);
    deletion.pass();
    listing.pass();
    await uploaded;
    await test.clock.advance(0);
    expect(await isThere()).toBe(true);
  });
});

test('two uploads that end together do not look for old blobs beside each other', async () => {
  const { account, blobStore, collector } = await setup();
  const looking = step();
  let lookers = 0;
  blobStore.entries = async function* () {
    lookers++;
    await looking.reached();
    yield { id: 'new', sizeBytes: 1, storedAt: START };
  };
  const both = [1, 2].map(() => collector.uploaded(account, UNREFERENCED_BYTES_MAX));
  looking.pass();
  await Promise.all(both);
  expect(lookers).toBe(1);
});

/** Something that a test wants to happen later: whoever reaches it waits until the test lets them pass. */
function step() {
  let pass: () => void = () => undefined;
  let tell: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  const isReached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const reached = (): Promise<void> => {
    tell();
    return passed;
  };
  return { isReached, reached, pass: () => pass() };
}
