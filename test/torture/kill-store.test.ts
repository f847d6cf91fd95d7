/** What the store keeps when its process is killed and when its disk is full: in child processes, on the compiled code. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SeededPrng, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { text } from '../../src/store/store-rows.contract.ts';
import { runLength } from '../harness/length.ts';
import { skipWithout } from '../harness/requirement.ts';

const KILLS = runLength(4, 200);
const SEED = 11;
const LARGE_EVERY = 16;
const LARGE_BYTES = 70_000;

const DOOR = new URL('../../dist/store/sqlite/index.js', import.meta.url).href;
const PRELUDE = `
  import { writeSync } from 'node:fs';
  import { SqliteStore } from ${JSON.stringify(DOOR)};
  const log = { debug() {}, info() {}, warn: console.error, error: console.error };
  const bytes = (text) => new TextEncoder().encode(text);
  const say = (line) => writeSync(1, line + '\\n');`;

/** Commits numbered transactions, twelve at a time, and says each number that was acknowledged. */
const WRITER = `${PRELUDE}
  const store = await SqliteStore.open({ log }, { folder: process.argv[1] });
  let next = Number(process.argv[2]);
  const write = async () => {
    for (;;) {
      const number = next++;
      await store.transact((t) => {
        t.put(bytes('a/' + number), bytes(String(number)));
        t.put(bytes('b/' + number), number % ${LARGE_EVERY} ? bytes(String(number)) : new Uint8Array(${LARGE_BYTES}).fill(number & 255));
        t.put(bytes('last'), bytes(String(number)));
      });
      say(number);
    }
  };
  await Promise.all(Array.from({ length: 12 }, write));`;

/** Fills a small disk until a commit is refused, makes room, goes on; says what happened. */
const FILLER = `${PRELUDE}
  import { unlinkSync, writeFileSync } from 'node:fs';
  const root = process.argv[1];
  writeFileSync(root + '/ballast', new Uint8Array(3_000_000));
  const store = await SqliteStore.open({ log }, { folder: root + '/store' });
  const size = Number(process.argv[2]);
  let kept = 0;
  let refusal;
  while (refusal === undefined && kept < 10_000)
    await store.transact((t) => { t.put(bytes('k' + kept), new Uint8Array(size).fill(kept & 255)); t.put(bytes('n'), bytes(String(kept))); })
      .then(() => kept++, (error) => { refusal = { code: error.code, retry: error.retry }; });
  const read = new TextDecoder().decode(await store.get(bytes('n')));
  unlinkSync(root + '/ballast');
  await store.transact((t) => t.put(bytes('after'), new Uint8Array(size)));
  const { ok } = await store.integrityCheck();
  await store[Symbol.asyncDispose]();
  say(JSON.stringify({ refusal, kept, read: Number(read), ok }));`;

function setup(): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'restante-crash-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

describe('SqliteStore killed', () => {
  test(`keeps every acknowledged transaction whole over ${KILLS} kills (seed ${SEED})`, {
    timeout: 60_000,
  }, async () => {
    using place = setup();
    const prng = new SeededPrng(SEED);
    let next = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await killAfter(place.folder, next, 1 + prng.below(100));
      await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder: place.folder });
      for (const number of acknowledged) expect(await isWhole(store, number)).toBe(true);
      // What was not acknowledged may be there or not, but only whole, and without a gap: commits have an order.
      const last = Number(text(await store.get(utf8('last'))));
      for (let number = next; number <= last; number++) expect(await isWhole(store, number)).toBe(true);
      expect(await store.getMany([utf8(`a/${last + 1}`), utf8(`b/${last + 1}`)])).toEqual([undefined, undefined]);
      next = last + 1;
    }
    await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder: place.folder });
    for (let number = 0; number < next; number++) expect(await isWhole(store, number)).toBe(true);
    expect(await store.integrityCheck()).toEqual({ ok: true, isLaidOut: true, problems: [] });
  });
});

describe('SqliteStore on a full disk', () => {
  const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0;
  const isSkipped = skipWithout(canMount, { test: 'a full disk', lack: 'this user may not mount a small one' });

  // A small disk needs a mount namespace: Linux only, and only where users may have them.
  test.skipIf(isSkipped).each([
    ['rows', 20_000],
    ['value files', 200_000],
  ])('refuses %s with disk_full, keeps what it had, and goes on when there is room', { timeout: 60_000 }, (_, size) => {
    using place = setup();
    const mount = 'mount -t tmpfs -o size=8m none "$0" && exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', FILLER, place.folder, String(size)];
    const child = spawnSync('unshare', ['-rm', 'sh', '-c', mount, place.folder, ...node], { encoding: 'utf8' });
    const { refusal, kept, read, ok } = JSON.parse(child.stdout || JSON.stringify(child.stderr)) as Record<
      string,
      unknown
    >;
    expect(refusal).toEqual({ code: 'disk_full', retry: 'later' });
    expect(kept).toBeGreaterThan(5);
    expect(read).toBe((kept as number) - 1);
    expect(ok).toBe(true);
  });
});

/** The numbers acknowledged by a writer that is killed after `count` of them. */
async function killAfter(folder: string, next: number, count: number): Promise<readonly number[]> {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    process.execPath,
    ['--input-type=module', '-e', WRITER, folder, String(next)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const closed = once(child, 'close');
  const acknowledged: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line));
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}

async function isWhole(store: SqliteStore, number: number): Promise<boolean> {
  const [a, b] = await store.getMany([utf8(`a/${number}`), utf8(`b/${number}`)]);
  if (text(a) !== String(number) || b === undefined) return false;
  if (number % LARGE_EVERY !== 0) return text(b) === String(number);
  return b.length === LARGE_BYTES && b.every((byte) => byte === (number & 255));
}
