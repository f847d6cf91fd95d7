/**
 * A home is away for thirty days while mail is queued for it: real cores and HTTP on a clock that tests move. When it is
 * back everything arrives once and in order, though nobody sends anything, whichever of the two notices first; a third home
 * is served at once meanwhile.
 */
import { expect, test } from 'vitest';
import { DialError } from '../../src/base/index.ts';
import { SystemRandom } from '../../src/base/system/index.ts';
import { type Address, type PduId, ReceiptStatus } from '../../src/protocol/index.ts';
import { READER_CACHE_KIB, WRITER_CACHE_KIB } from '../../src/store/sqlite/limits.ts';
import { isFullLength, runLength } from '../harness/length.ts';
import { LiveFederation, type LiveFederationHome } from '../harness/live-federation.ts';
import { type Person, writePdu } from '../harness/person.ts';
import type { WireClient } from '../harness/wire-client.ts';

const MAILS = runLength(300, 20_000);
const BODY_BYTES = 4_096;
/** Without a receipt at a time. */
const WINDOW = 64;
/** A mail to the third home for so many to the one that is away. */
const OTHERS_EVERY = 10;
const HOMES = 3;
/** Beyond what the homes took before: SQLite's caches of each, and what batches, answers and garbage need, whatever is queued. */
const MEMORY_GROWTH_MAX = HOMES * (WRITER_CACHE_KIB + READER_CACHE_KIB) * 1024 + 128 * 1024 * 1024;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Of the clock while something is waited for. */
const STEP_MS = 30_000;
const TIMEOUT_MS = isFullLength ? 1_800_000 : 120_000;

const random = new SystemRandom();

async function setup() {
  const federation = new LiveFederation();
  const [a, b, c] = [await federation.add(), await federation.add(), await federation.add()];
  const [alice, bob, carol] = [await a.person('alice'), await b.person('bob'), await c.person('carol')];
  return {
    ...{ federation, a, b, c, alice, bob, carol },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

/** Ids in the order of the home's log. */
async function write(
  client: WireClient,
  author: Person,
  recipients: readonly (readonly Address[])[],
): Promise<PduId[]> {
  const accepted: { id: PduId; index: number }[] = [];
  const waiting = recipients.map((to, i) => ({ to, i })).reverse();
  const lane = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const body = random.bytes(BODY_BYTES);
      const pdu = writePdu(random, author, next.to, body);
      const { status, index } = await client.submit(pdu, body);
      expect(status).toBe(ReceiptStatus.OK);
      accepted.push({ id: pdu.id, index });
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
  return accepted.sort((one, other) => one.index - other.index).map(({ id }) => id);
}

/** How the process grew at most, beyond its size at the start, while `work` ran: all homes are in it. */
class MemoryWatch implements Disposable {
  readonly #before = process.memoryUsage.rss();
  #peak = this.#before;
  readonly #timer = setInterval(() => this.look(), 20);

  look(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss());
  }

  get growth(): number {
    this.look();
    return this.#peak - this.#before;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}

async function queuedFor(home: LiveFederationHome, destination: LiveFederationHome): Promise<number> {
  const all = await home.core.operator.federationStatus(destination.home);
  return all.reduce((sum, { queued }) => sum + queued, 0);
}

test.each([
  { first: 'the sender tries again', isAsking: false },
  { first: 'the receiver asks', isAsking: true },
] as const)(
  `${MAILS} mails wait for a home that is away for thirty days; then $first`,
  { timeout: TIMEOUT_MS },
  async ({ first, isAsking }) => {
    await using world = await setup();
    const { federation, a, b, c, alice, bob, carol } = world;
    const client = await a.signIn(alice);
    // The receiver can only ask a home of which it has heard.
    const known = isAsking ? await write(client, alice, [[bob.address]]) : [];
    expect(await federation.until(async () => (await b.mailCount(bob)) === known.length, HOUR)).toBe(true);
    await b.stop();

    using memory = new MemoryWatch();
    const startedAt = federation.clock.now();
    const recipients = Array.from({ length: MAILS }, (_, i) =>
      i % OTHERS_EVERY === 0 ? [bob.address, carol.address] : [bob.address],
    );
    const ids = await write(client, alice, recipients);
    client.close();
    const others = Math.ceil(MAILS / OTHERS_EVERY);
    expect(await federation.until(async () => (await c.mailCount(carol)) === others, MINUTE)).toBe(true);
    // Nothing that the home which is away waits for kept the other one waiting: no back-off, no time-out.
    expect(federation.clock.now() - startedAt).toBeLessThan(MINUTE);
    const whileQueued = memory.growth;
    expect(await queuedFor(a, b)).toBe(MAILS);
    await federation.pass(30 * DAY, 6 * HOUR);
    expect(await queuedFor(a, b)).toBe(MAILS);

    // The sender's tries get nowhere: then only asking helps.
    if (isAsking)
      a.onRequest = ({ url }) => {
        if (url.includes('/send/')) throw new DialError('unreachable', 'nothing that is sent arrives');
      };
    await b.start();
    const isThere = async (): Promise<boolean> => (await b.mailCount(bob)) === known.length + MAILS;
    const pulls = b.pulls;
    const isMoving = async (): Promise<boolean> => (await b.mailCount(bob)) > known.length;
    expect(await federation.until(isMoving, 2 * HOUR, STEP_MS)).toBe(true);
    // Batch after batch: none waits for a timer.
    expect(await federation.until(isThere, HOUR, 200)).toBe(true);
    expect(await b.mailbox(bob)).toEqual([...known, ...ids]);
    if (isAsking) expect(b.pulls).toBeGreaterThan(pulls);
    a.onRequest = () => undefined;
    expect(await federation.until(async () => (await queuedFor(a, b)) === 0, 2 * HOUR, STEP_MS)).toBe(true);
    await federation.pass(DAY, 6 * HOUR);
    expect(await b.mailCount(bob)).toBe(known.length + MAILS);
    expect(a.differing).toEqual([]);
    console.log(
      `${MAILS} mails after thirty days, ${first}: in order, each once; the process of three homes grew by ` +
        `${mebibytes(whileQueued)} while they were queued, ${mebibytes(memory.growth)} at most`,
    );
    expect(memory.growth).toBeLessThan(MEMORY_GROWTH_MAX);
  },
);
