/** Connections that nobody should make, to a home in a process of its own; others are served meanwhile. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, type NodeLimits } from '../../src/node/index.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { isFullLength, runLength } from '../harness/length.ts';
import { LiveHome, type RawClient, TurnedAway } from '../harness/live-home.ts';
import { writePdu } from '../harness/person.ts';

const CONNECTS = runLength(100, 5_000);
/** The default rate in full; else one that so many outrun on a slow machine too. */
const STORM_LIMITS = isFullLength
  ? pickAccepts(DEFAULT_LIMITS)
  : { acceptIntervalMs: 50, acceptBurst: 10, acceptQueue: 5 };
const HALF_OPEN = runLength(40, 2_000);
/** So many bytes fill every buffer between a node and a reader on one machine. */
const UNREAD_MAILS = runLength(30, 400);
const UNREAD_BYTES = 60_000;
const SLOWEST_MS_MAX = 10_000;
const GROWTH_MIB_MAX = 96;

describe('a home beside connections that nobody should make', () => {
  test(`serves or tells each of ${CONNECTS} that connect at once, and in the end serves all`, async () => {
    await using home = await LiveHome.open(STORM_LIMITS);
    const witness = await home.witness();
    const before = home.memory();
    const startedAt = performance.now();
    const told = new Array<number>(CONNECTS).fill(0);
    const servedAfterMs = await Promise.all(
      told.map(async (_, i) => {
        const { client } = await connectPatiently(home, () => {
          told[i] = (told[i] as number) + 1;
        });
        expect((await client.serverInfo()).home).toBe(home.process.home);
        return performance.now() - startedAt;
      }),
    );
    const tookMs = Math.max(...servedAfterMs);
    const after = home.memory();
    const { served, slowestMs } = await witness.finish();
    console.log(
      `${CONNECTS} connects at once: all served, the last after ${Math.round(tookMs / 1000)} s; ` +
        `${told.filter((times) => times > 0).length} were told to come again, at most ${Math.max(...told)} times; ` +
        `memory ${before.now} MiB before, ${after.peak} at most; the witness: ${served} served, the slowest in ${slowestMs} ms`,
    );
    // The rate holds: a burst, then one each so many milliseconds.
    expect(tookMs).toBeGreaterThan((CONNECTS - 2 * STORM_LIMITS.acceptBurst) * STORM_LIMITS.acceptIntervalMs);
    expect(Math.max(...told)).toBeGreaterThan(0);
    expect(served).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  });

  test(`is not held up by ${HALF_OPEN} half-open sockets of each kind, and closes them`, async () => {
    await using home = await LiveHome.open({ acceptIntervalMs: 1, acceptQueue: 5_000 });
    const witness = await home.witness();
    const before = home.memory();
    const request = 'GET /client HTTP/1.1\r\nHost: localhost\r\n';
    const handshake =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\n\r\n';
    const sockets = [];
    for (const said of ['', request, request + handshake])
      for (let i = 0; i < HALF_OPEN; i++) sockets.push(await openTcp(home.port, said));
    const person = await home.person('bob');
    const { client } = await home.signIn(person);
    const body = home.random.bytes(10);
    expect((await client.submit(writePdu(home.random, person, [person.address], body), body)).status).toBe(
      ReceiptStatus.OK,
    );
    // The time-outs are tested by the moved clock; here with real sockets, which takes their real time.
    const closed = isFullLength ? await whenClosed(sockets) : undefined;
    const after = home.memory();
    for (const socket of sockets) socket.destroy();
    const { served, slowestMs } = await witness.finish();
    console.log(
      `${sockets.length} half-open sockets: memory ${before.now} MiB before, ${after.peak} at most; ` +
        `${closed === undefined ? '' : `all closed after ${closed} s; `}the witness: ${served} served, the slowest in ${slowestMs} ms`,
    );
    expect(after.peak - before.now).toBeLessThan(GROWTH_MIB_MAX);
    expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  });

  test('keeps little for a reader that never reads, cuts it, and it goes on where it stopped', async () => {
    await using home = await LiveHome.open();
    const [bob, alice] = [await home.person('bob'), await home.person('alice')];
    const witness = await home.witness();
    const reader = await home.signIn(bob);
    expect((await reader.client.follow()).oneofKind).toBe('complete');
    reader.tcp.pause();
    const { client } = await home.signIn(alice);
    const before = home.memory();
    for (let i = 0; i < UNREAD_MAILS; i++) {
      const body = home.random.bytes(UNREAD_BYTES);
      const receipt = await client.submit(writePdu(home.random, alice, [bob.address], body), body);
      expect(receipt.status).toBe(ReceiptStatus.OK);
    }
    const after = home.memory();
    if (isFullLength) {
      await pause(60_000); // 30 s without taking anything, then the next sweep, every 15 s
      reader.tcp.resume();
      await reader.client.ended();
    }
    const again = await home.signIn(bob);
    expect((await again.client.follow()).oneofKind).toBe('complete');
    expect([...again.client.entries.values()].flat()).toHaveLength(UNREAD_MAILS);
    const { served, slowestMs } = await witness.finish();
    console.log(
      `${Math.round((UNREAD_MAILS * UNREAD_BYTES) / 2 ** 20)} MiB for a reader that never reads: memory ${before.now} MiB before, ` +
        `${after.peak} at most; the witness: ${served} served, the slowest in ${slowestMs} ms`,
    );
    expect(after.peak - before.now).toBeLessThan(GROWTH_MIB_MAX);
    expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  });
});

/** As a polite client: whoever is told to come again comes again then. */
function pickAccepts({ acceptBurst, acceptIntervalMs, acceptQueue }: NodeLimits) {
  return { acceptBurst, acceptIntervalMs, acceptQueue };
}

async function connectPatiently(home: LiveHome, onTold: () => void): Promise<RawClient> {
  for (;;) {
    try {
      return await home.connect();
    } catch (error) {
      if (!(error instanceof TurnedAway)) throw error;
      onTold();
      await pause(error.retryAfterSeconds * 1_000);
    }
  }
}

async function openTcp(port: number, said: string): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => socket.destroy()); // reset by the home: it is closed
  if (said !== '') socket.write(said);
  if (said.endsWith('\r\n\r\n')) {
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 101 /);
  }
  socket.resume();
  return socket;
}

/** Seconds until the last was closed by the other end. */
async function whenClosed(sockets: readonly Socket[]): Promise<number> {
  const startedAt = performance.now();
  for (const socket of sockets) if (!socket.destroyed) await once(socket, 'close');
  return Math.round((performance.now() - startedAt) / 1000);
}
