/** Our part of the replication bench, in a process of its own: the same parts as bench/hypercore/peer.mjs. */
import { fromHex, SILENT_LOG, toHex } from '../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../src/base/system/index.ts';
import { createFeedKeys, FeedLog, PlainFeedStore, Synchronizer } from '../src/feed/index.ts';
import { createSodiumStreamCipher, TcpDialer, TcpListener } from '../src/feed/node/index.ts';
import { SqliteStore } from '../src/store/sqlite/index.ts';
import type { CopyTask, PartResult, RandomTask, ServerTask } from './replicate.ts';

const SIZE = 1024;
const BATCH = 1_000;
const suite = new SodiumSuite();
const clock = new SystemClock();
const random = new SystemRandom();

async function open(folder: string): Promise<{ store: SqliteStore; sync: Synchronizer }> {
  const store = await SqliteStore.open({ log: SILENT_LOG }, { folder });
  const sync = new Synchronizer({
    clock,
    random,
    createCipher: createSodiumStreamCipher,
    store: new PlainFeedStore(store),
    log: SILENT_LOG,
    dialer: new TcpDialer({ clock }),
  });
  return { store, sync };
}

async function serve({ folder, count }: ServerTask): Promise<PartResult> {
  const { store, sync } = await open(folder);
  const keys = createFeedKeys({ suite, random });
  const log = await FeedLog.open({ suite, store }, { prefix: keys.discoveryKey, ...keys });
  const startedAt = performance.now();
  for (let from = 0; from < count; from += BATCH) {
    const blocks = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => new Uint8Array(SIZE).fill(from + i));
    await store.transact((transaction) => log.append(transaction, blocks));
  }
  const appendMs = performance.now() - startedAt;
  sync.addFeed(log, { live: true, sparse: false });
  const onPeer = (transport: Parameters<Synchronizer['addPeer']>[0]): void =>
    void sync.addPeer(transport, { isInitiator: false });
  const listener = await TcpListener.open({ host: '127.0.0.1', port: 0, onPeer });
  return { port: listener.port, key: toHex(keys.publicKey), appendMs };
}

async function follow(folder: string, key: string, isSparse: boolean) {
  const { store, sync } = await open(folder);
  const publicKey = fromHex(key);
  const log = await FeedLog.open({ suite, store }, { prefix: publicKey, publicKey, replica: true });
  sync.addFeed(log, { live: true, sparse: isSparse });
  return { store, sync, log };
}

/** From the connection to the last block on disk. */
async function copy({ folder, port, key, count }: CopyTask): Promise<PartResult> {
  const { sync, log } = await follow(folder, key, false);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const whole = new Promise<void>((resolve) =>
    sync.events.on('stored', () => {
      if (log.heldCount === count) resolve();
    }),
  );
  sync.addAddresses([`127.0.0.1:${port}`]);
  await whole;
  const copyMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { copyMs, cpuMs: (user + system) / 1000 };
}

async function readAtRandom({ folder, port, key, indexes }: RandomTask): Promise<PartResult> {
  const { sync, log } = await follow(folder, key, true);
  const connected = new Promise<void>((resolve) => void sync.events.on('peer', () => resolve()));
  sync.addAddresses([`127.0.0.1:${port}`]);
  await connected;
  const { signal } = new AbortController();
  const times: number[] = [];
  for (const index of indexes) {
    const startedAt = performance.now();
    await sync.fetch(log.id, index, signal);
    times.push(performance.now() - startedAt);
  }
  return { times };
}

process.on('message', (task: ServerTask | CopyTask | RandomTask) => {
  const work = task.part === 'server' ? serve(task) : task.part === 'copy' ? copy(task) : readAtRandom(task);
  void work.then((result) => process.send?.(result));
});
