/**
 * What the store on SQLite reaches: run `npm run build` first, then `node bench/store.bench.mjs [folder]`.
 *
 * Each figure is printed with the CPU time it took, since that holds on a busy machine where the time on the wall does not.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT_LOG } from '../dist/base/index.js';
import { SqliteStore } from '../dist/store/sqlite/index.js';

const CONCURRENT = 50;
const TRANSACTIONS = 60_000;
const PAGE_ROWS = 256;
const KEYS = 256;
const BODIES = 100;

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'store-bench-'));
const pool = randomBytes(2 * 1024 * 1024);
const text = new TextEncoder();

const store = await SqliteStore.open({ log: SILENT_LOG }, { folder });
try {
  await durableTransactions(store);
  await rangeReads(store);
  await randomKeys(store);
  await bodies(store);
} finally {
  await store[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}

/** As a node writes an entry: two blocks of 1 KB, a row by hash, a row of a mailbox. */
async function durableTransactions(store) {
  const latencies = [];
  const hashes = Array.from({ length: TRANSACTIONS }, (_, i) => hashed(i));
  let next = 0;
  await measured('durable transactions of 4 puts, 50 at a time', TRANSACTIONS, async () => {
    const writer = async () => {
      for (let i = next++; i < TRANSACTIONS; i = next++) {
        const started = performance.now();
        await store.transact((transaction) => {
          transaction.put(numbered('feed/0123456789abcdef/block/', 2 * i), slice(i, 1024));
          transaction.put(numbered('feed/0123456789abcdef/block/', 2 * i + 1), slice(i + 7, 1024));
          transaction.put(hashes[i], slice(i, 80));
          transaction.put(numbered(`mailbox/person-${i % 100}@home.example/`, i), slice(i, 80));
        });
        latencies.push(performance.now() - started);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, writer));
  });
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor((latencies.length - 1) * share)].toFixed(1);
  console.log(`  latency ms: half ${at(0.5)}, 99 % ${at(0.99)}, 99.9 % ${at(0.999)}, most ${at(1)}`);
}

async function rangeReads(store) {
  const rows = 2 * TRANSACTIONS;
  await measured('rows of 1 KB by pages of 256', rows, async () => {
    let from = numbered('feed/0123456789abcdef/block/', 0);
    const to = text.encode('feed/0123456789abcdef/block0');
    for (;;) {
      const page = await store.range({ from, to, limit: PAGE_ROWS });
      if (page.length < PAGE_ROWS) break;
      from = new Uint8Array([...page.at(-1).key, 0]);
    }
  });
}

async function randomKeys(store) {
  const rounds = 400;
  const order = Array.from({ length: rounds * KEYS }, () => Math.floor(Math.random() * 2 * TRANSACTIONS));
  await measured('random keys with values of 1 KB, by 256', rounds * KEYS, async () => {
    for (let i = 0; i < order.length; i += KEYS)
      await store.getMany(order.slice(i, i + KEYS).map((number) => numbered('feed/0123456789abcdef/block/', number)));
  });
  const hashes = Array.from({ length: rounds * KEYS }, (_, i) => hashed(i % TRANSACTIONS));
  await measured('hashed keys with values of 80 bytes, by 256', hashes.length, async () => {
    for (let i = 0; i < hashes.length; i += KEYS) await store.getMany(hashes.slice(i, i + KEYS));
  });
  await measured('single gets, 50 at a time', 20_000, async () => {
    let next = 0;
    const reader = async () => {
      for (let i = next++; i < 20_000; i = next++) await store.get(numbered('feed/0123456789abcdef/block/', order[i]));
    };
    await Promise.all(Array.from({ length: CONCURRENT }, reader));
  });
}

async function bodies(store) {
  await measured('bodies of 2 MiB, one a transaction', BODIES, () =>
    Promise.all(Array.from({ length: BODIES }, (_, i) => store.transact((t) => t.put(numbered('body/', i), pool)))),
  );
}

async function measured(what, count, work) {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round(count / seconds).toLocaleString('en');
  console.log(`${what}: ${rate} /s (${((user + system) / 1e6 / seconds).toFixed(2)} cores)`);
}

function numbered(prefix, number) {
  const key = new Uint8Array(prefix.length + 8);
  text.encodeInto(prefix, key);
  new DataView(key.buffer).setUint32(prefix.length + 4, number);
  return key;
}

function hashed(number) {
  return new Uint8Array([...text.encode('pdu/'), ...createHash('sha256').update(String(number)).digest()]);
}

function slice(seed, size) {
  const offset = (seed * 37) % (pool.length - size);
  return pool.subarray(offset, offset + size);
}
