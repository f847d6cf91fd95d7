/** Bytes that nobody should send, to a home in a process of its own: a typed answer each, and others are served meanwhile. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { BODY_BYTES_MAX, ReceiptStatus } from '../../src/protocol/index.ts';
import { runLength } from '../harness/length.ts';
import { LiveHome } from '../harness/live-home.ts';
import { type Person, writePdu } from '../harness/person.ts';
import { honestFrames, mutate, sampleClientFrames } from '../harness/sample-frames.ts';
import type { WireClient } from '../harness/wire-client.ts';

const FRAMES = runLength(200, 100_000);
const SEED = 7;
const LANES = 8;
const GOES_ON = 'goes on';
const BODIES = runLength(8, 100);
/** What a hostile frame says of itself. */
const ANNOUNCED_BYTES = 64 * 1024 * 1024;
const CHUNK = new Uint8Array(64 * 1024);
/** A fraction of what was announced; what a garbage collector lets lie about is more than what one frame takes. */
const GROWTH_MIB_MAX = 64;
const SLOWEST_MS_MAX = 10_000;
// So that connections that end at a bad frame are replaced at once: the rate has tests of its own.
const QUICK_DOOR = { acceptIntervalMs: 0.1, acceptBurst: 10_000, submitBurst: 1_000_000 };

describe('a home that is sent what nobody should send', () => {
  test(`reads or refuses ${FRAMES} mutated frames, and grows by none of them (seed ${SEED})`, async () => {
    await using home = await LiveHome.open(QUICK_DOOR);
    const mallory = await home.person('mallory');
    const witness = await home.witness();
    // What is taken, by and by, fills the store's page caches: 64 MiB a connection at most.
    const warm = await sendMutated(home, mallory, SEED, FRAMES / 2);
    const before = home.memory();
    await home.forgetPeak();
    const rest = await sendMutated(home, mallory, SEED + LANES, FRAMES / 2);
    const after = home.memory();
    const { served, slowestMs } = await witness.finish();
    const outcomes: Record<string, number> = {};
    for (const [name, count] of [...warm, ...rest]) outcomes[name] = (outcomes[name] ?? 0) + count;
    console.log(
      `${FRAMES} mutated frames: memory ${before.now} MiB after half of them, ${after.peak} at most, ${after.now} in the end; ` +
        `${JSON.stringify(outcomes)}; the witness: ${served} served, the slowest in ${slowestMs} ms`,
    );
    expect(Object.values(outcomes).reduce((sum, count) => sum + count)).toBe(FRAMES);
    expect(Math.min(outcomes.malformed ?? 0, outcomes[GOES_ON] ?? 0)).toBeGreaterThan(FRAMES / 20);
    expect(after.now - before.now).toBeLessThan(GROWTH_MIB_MAX);
    expect(served).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
    expect(await home.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test(`refuses ${BODIES} frames of 64 MiB at once by their headers, and ${BODIES} bodies by their names`, async () => {
    await using home = await LiveHome.open(QUICK_DOOR);
    const mallory = await home.person('mallory');
    const witness = await home.witness();
    const clients = await Promise.all(Array.from({ length: BODIES }, () => home.signIn(mallory)));
    const before = home.memory();
    await home.forgetPeak();
    const closed = await Promise.all(
      clients.map(async ({ client, tcp }) => {
        await pour(tcp);
        return (await client.socket.closed).code;
      }),
    );
    const poured = clients.reduce((sum, { tcp }) => sum + tcp.bytesWritten, 0);
    const after = home.memory();
    expect(new Set(closed)).toEqual(new Set([1009]));
    const offers = await Promise.all(
      Array.from({ length: BODIES }, async () => {
        const { client } = await home.signIn(mallory);
        const pdu = writePdu(home.random, mallory, [mallory.address], new Uint8Array(BODY_BYTES_MAX + 1));
        return (await client.submit(pdu, undefined)).status;
      }),
    );
    expect(new Set(offers)).toEqual(new Set([ReceiptStatus.TOO_LARGE]));
    const { served, slowestMs } = await witness.finish();
    console.log(
      `${BODIES} frames of 64 MiB at once: memory ${before.now} MiB before, ${after.peak} at most, ${after.now} after; ` +
        `${Math.round(poured / 2 ** 20)} MiB left their senders; the witness: ${served} served, the slowest in ${slowestMs} ms`,
    );
    expect(after.peak - before.now).toBeLessThan(GROWTH_MIB_MAX);
    expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  });
});

/**
 * Sends mutated frames, each followed by a ping: its answer says that the frame before was judged. Returns how many were
 * judged and went on, and how many ended their connection, by the code of the refusal.
 */
async function sendMutated(home: LiveHome, mallory: Person, seed: number, count: number): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  let left = count;
  const lane = async (number: number): Promise<void> => {
    const prng = new SeededPrng(seed + number);
    const frames = [...honestFrames(home.random, mallory), ...sampleClientFrames(prng)];
    const pick = (): Uint8Array => frames[prng.below(frames.length)] as Uint8Array;
    let client = (await home.signIn(mallory)).client;
    while (left-- > 0) {
      const outcome = await judged(client, mutate(pick(), pick(), prng));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome !== GOES_ON) client = (await home.signIn(mallory)).client;
    }
    client.close();
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  return outcomes;
}

async function judged(client: WireClient, frame: Uint8Array): Promise<string> {
  await client.socket.send(frame);
  const ping = client.ask((request) => ({ oneofKind: 'ping', ping: { request } }));
  // The ping may meet a connection that the frame has ended.
  const answered = ping.then(() => true).catch(() => new Promise<never>(() => undefined));
  if (await Promise.race([answered, client.ended().then(() => false)])) return GOES_ON;
  const last = client.unasked.at(-1);
  if (last?.oneofKind !== 'refused' || !last.refused.fatal) throw new Error('a connection ended without a refusal');
  return last.refused.code;
}

/** Announces a frame that is too large and pours it out until the other end has had enough. */
async function pour(tcp: Socket): Promise<void> {
  const header = Buffer.alloc(14);
  header.writeUInt8(0x82, 0); // the whole of a binary message
  header.writeUInt8(0xff, 1); // masked, its length in eight bytes
  header.writeBigUInt64BE(BigInt(ANNOUNCED_BYTES), 2);
  tcp.write(header);
  for (let sent = 0; sent < ANNOUNCED_BYTES && tcp.writable; sent += CHUNK.length)
    if (!tcp.write(CHUNK)) await Promise.race([once(tcp, 'drain'), once(tcp, 'close')]);
}
