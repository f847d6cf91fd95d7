/** Feeds between us and npm's hypercore 7 over TCP, in both directions. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromHex, fromUtf8, SILENT_LOG, toHex } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import { createFeedKeys, FeedLog, PlainFeedStore, Synchronizer } from '../../src/feed/index.ts';
import { createSodiumStreamCipher, TcpDialer, TcpListener } from '../../src/feed/node/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { hasCompilers, INSTALL_TIMEOUT_MS } from '../harness/npm-package.ts';
import { NpmPeer } from '../harness/npm-peer.ts';
import { skipWithout } from '../harness/requirement.ts';
import { until } from '../harness/until.ts';

const LACK = 'there is no autoconf, automake and libtool to build what npm hypercore 7 needs';
const SIZE = 300;
const suite = new SodiumSuite();
const random = new SystemRandom();
const clock = new SystemClock();

/** npm's peer, and ours with a store on disk. */
async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'feeds-'));
  const peer = await NpmPeer.open();
  const store = await SqliteStore.open({ log: SILENT_LOG }, { folder });
  const sync = new Synchronizer({
    clock,
    random,
    createCipher: createSodiumStreamCipher,
    store: new PlainFeedStore(store),
    log: SILENT_LOG,
    dialer: new TcpDialer({ clock }),
  });
  const listeners: TcpListener[] = [];
  return {
    peer,
    store,
    sync,
    async follow(key: string, isSparse = false): Promise<FeedLog> {
      const publicKey = fromHex(key);
      const log = await FeedLog.open({ suite, store }, { prefix: publicKey, publicKey, replica: true });
      sync.addFeed(log, { live: true, sparse: isSparse });
      return log;
    },
    async write(count: number): Promise<FeedLog> {
      const keys = createFeedKeys({ suite, random });
      const log = await FeedLog.open({ suite, store }, { prefix: keys.publicKey, ...keys });
      sync.addFeed(log, { live: true, sparse: false });
      await this.append(log, count);
      return log;
    },
    async append(log: FeedLog, count: number): Promise<void> {
      const blocks = Array.from({ length: count }, (_, i) => blockOf(log.length + i));
      await store.transact((transaction) => log.append(transaction, blocks));
      sync.announce(log.id);
    },
    async listen(allowed?: ReadonlySet<string>): Promise<number> {
      const onPeer = (transport: Parameters<Synchronizer['addPeer']>[0]) =>
        void sync.addPeer(transport, { isInitiator: false });
      const listener = await TcpListener.open({
        host: '127.0.0.1',
        port: 0,
        onPeer,
        ...(allowed === undefined ? {} : { allowed }),
      });
      listeners.push(listener);
      return listener.port;
    },
    async problemsOf(log: FeedLog): Promise<string[]> {
      const problems: string[] = [];
      for await (const { message } of log.verifyAll(store, {})) problems.push(message);
      return problems;
    },
    async textOf(log: FeedLog, index: number): Promise<string | undefined> {
      const block = await log.getBlock(store, index);
      return block === undefined ? undefined : fromUtf8(block);
    },
    async [Symbol.asyncDispose]() {
      await sync[Symbol.asyncDispose]();
      for (const listener of listeners) await listener[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

function blockOf(index: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(SIZE, `block ${index} `));
}

function textOf(index: number): string {
  return fromUtf8(blockOf(index));
}

// Its libsodium is compiled where it is installed; without compilers the line says so, and with CI=true it fails.
describe.skipIf(skipWithout(hasCompilers(), { test: 'npm hypercore', lack: LACK }))('npm hypercore 7', () => {
  beforeAll(() => NpmPeer.install(), 2 * INSTALL_TIMEOUT_MS);

  test('is copied whole, and its live tail', async () => {
    await using world = await setup();
    const { peer, sync } = world;
    const { key } = await peer.tell<{ key: string }>({ do: 'make', name: 'a' });
    await peer.tell({ do: 'append', name: 'a', count: 3_001, size: SIZE });
    const { port } = await peer.tell<{ port: number }>({ do: 'listen', names: ['a'], live: true });
    const copy = await world.follow(key);
    sync.addAddresses([`127.0.0.1:${port}`]);
    await until(() => sync.isComplete(copy.id) && copy.length === 3_001);
    for (const count of [1, 1, 500]) {
      const { length } = await peer.tell<{ length: number }>({ do: 'append', name: 'a', count, size: SIZE });
      await until(() => copy.heldCount === length);
    }
    expect(await world.problemsOf(copy)).toEqual([]);
    expect(await world.textOf(copy, 3_502)).toBe(textOf(3_502));
  });

  test('is copied by ranges, without its cleared blocks, and on after it was away', async () => {
    await using world = await setup();
    const { peer, sync } = world;
    const { key } = await peer.tell<{ key: string }>({ do: 'make', name: 'a' });
    await peer.tell({ do: 'append', name: 'a', count: 10_000, size: SIZE });
    await peer.tell({ do: 'clear', name: 'a', from: 20, to: 40 });
    const { port } = await peer.tell<{ port: number }>({ do: 'listen', names: ['a'], live: true });
    const copy = await world.follow(key, true);
    sync.want(copy.id, 10, 50);
    sync.want(copy.id, 9_000, 9_100);
    sync.addAddresses([`127.0.0.1:${port}`]);
    await until(() => copy.heldCount === 120);
    expect([10, 19, 20, 39, 40, 49, 50, 9_000, 9_099].map((index) => copy.has(index))).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
      false,
      true,
      true,
    ]);
    await peer.tell({ do: 'cut' });
    sync.want(copy.id, 5_000, 5_100);
    await until(() => copy.heldCount === 220);
    expect(await world.textOf(copy, 5_050)).toBe(textOf(5_050));
    expect(await world.problemsOf(copy)).toEqual([]);
  });

  test('copies from us: whole, live, by ranges, and knows what was cleared', async () => {
    await using world = await setup();
    const { peer } = world;
    const log = await world.write(2_500);
    await world.store.transact((transaction) => log.clear(transaction, 700));
    const port = await world.listen();
    await peer.tell({ do: 'make', name: 'b', key: toHex(log.publicKey) });
    await peer.tell({ do: 'connect', names: ['b'], live: true, port });
    await peer.tell({ do: 'download', name: 'b', from: 100, to: 200 });
    await peer.tell({ do: 'download', name: 'b', from: 701, to: 2_500 });
    const { blocks } = await peer.tell<{ blocks: (string | null)[] }>({
      do: 'get',
      name: 'b',
      indexes: [99, 100, 199, 200, 700, 2_499],
    });
    const here = (index: number): string => Buffer.from(blockOf(index)).toString('base64');
    expect(blocks).toEqual([null, here(100), here(199), null, null, here(2_499)]);
    await world.append(log, 3);
    await peer.tell({ do: 'update', name: 'b', length: 2_503 });
    await peer.tell({ do: 'download', name: 'b', from: 2_500, to: 2_503 });
    const tail = await peer.tell<{ blocks: (string | null)[] }>({ do: 'get', name: 'b', indexes: [2_500, 2_502] });
    expect(tail.blocks).toEqual([here(2_500), here(2_502)]);
  });

  test('shares several feeds over one connection, some each way', async () => {
    await using world = await setup();
    const { peer, sync } = world;
    const keys: string[] = [];
    for (const name of ['a', 'b']) {
      keys.push((await peer.tell<{ key: string }>({ do: 'make', name })).key);
      await peer.tell({ do: 'append', name, count: 400, size: SIZE });
    }
    const ours = await world.write(300);
    await peer.tell({ do: 'make', name: 'c', key: toHex(ours.publicKey) });
    const { port } = await peer.tell<{ port: number }>({ do: 'listen', names: ['a', 'b', 'c'], live: true });
    // Both ends begin with the same feed.
    sync.removeFeed(ours.id);
    const copies = [await world.follow(keys[0] as string), await world.follow(keys[1] as string)];
    sync.addFeed(ours, { live: true, sparse: false });
    sync.addAddresses([`127.0.0.1:${port}`]);
    await until(() => copies.every((copy) => copy.heldCount === 400));
    await peer.tell({ do: 'download', name: 'c', from: 0, to: 300 });
    const { blocks } = await peer.tell<{ blocks: (string | null)[] }>({ do: 'get', name: 'c', indexes: [299] });
    expect(blocks[0]).toBe(Buffer.from(blockOf(299)).toString('base64'));
    expect(sync.status().peers).toHaveLength(1);
  });

  test('is served only where its operator named it', async () => {
    await using world = await setup();
    const { peer } = world;
    const log = await world.write(50);
    await peer.tell({ do: 'make', name: 'b', key: toHex(log.publicKey) });
    const closed = await world.listen(new Set(['192.0.2.1']));
    await peer.tell({ do: 'connect', names: ['b'], live: true, port: closed });
    const open = await world.listen(new Set(['127.0.0.1']));
    expect(world.sync.status().peers).toHaveLength(0);
    await peer.tell({ do: 'connect', names: ['b'], live: true, port: open });
    await peer.tell({ do: 'download', name: 'b', from: 0, to: 50 });
    expect(world.sync.status().peers).toHaveLength(1);
  });
});
