/**
 * Either home is ended, as by kill -9, at every step of an exchange: each read of its store, each commit before and after it
 * is on disk, each request before it leaves and each answer after it came. It starts again from its disk. In the end every
 * mail is there once, in order, and what was sent twice was the same bytes.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { SystemRandom } from '../../src/base/system/index.ts';
import { type Fate, Fault, type Life, mortalStore } from '../../src/federation/transaction/mortal-store.contract.ts';
import { type PduId, ReceiptStatus } from '../../src/protocol/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { isFullLength, runLength } from '../harness/length.ts';
import { LiveFederation, type LiveFederationHome } from '../harness/live-federation.ts';
import type { Person } from '../harness/person.ts';
import { type Said, Thread } from '../harness/thread.ts';

/** Every step in full length; in the suite every so manieth. */
const STRIDE = runLength(29, 1);
/** Fewer steps than these, and the sweep has missed the exchange. */
const STEPS_MIN = 50;
const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

const random = new SystemRandom();

/** A home that dies at its nth step from now. */
class Mortal {
  life: Life = { isOver: false };
  readonly home: LiveFederationHome;
  #steps = 0;
  #lastStep = Number.POSITIVE_INFINITY;
  #store: SqliteStore | undefined;

  constructor(home: LiveFederationHome) {
    this.home = home;
    home.onRequest = (_, step) => {
      if (this.#next(step) === 'die') throw new Fault('died at a request');
    };
  }

  dieAt(step: number): void {
    this.#steps = 0;
    this.#lastStep = step;
  }

  /** It lives on: what follows only looks at it. Whether it had died before. */
  spare(): boolean {
    this.#lastStep = Number.POSITIVE_INFINITY;
    return this.life.isOver;
  }

  adopt(store: SqliteStore): SqliteStore {
    this.#store = store;
    return mortalStore(store, this.life, (step) => this.#next(step)) as SqliteStore;
  }

  /** What is left of it is swept away, and it comes back from its disk. */
  async rise(): Promise<void> {
    this.#lastStep = Number.POSITIVE_INFINITY;
    this.life.isOver = true;
    await this.home.stop();
    await this.#store?.[Symbol.asyncDispose]();
    this.life = { isOver: false };
    await this.home.start();
  }

  readonly #next: Fate & ((step: string) => 'go' | 'die') = () => {
    this.#steps += 1;
    if (this.life.isOver || this.#steps >= this.#lastStep) this.life.isOver = true;
    return this.life.isOver ? 'die' : 'go';
  };
}

async function openHomes() {
  const federation = new LiveFederation();
  const mortals = new Map<string, Mortal>();
  const open = SqliteStore.open.bind(SqliteStore);
  vi.spyOn(SqliteStore, 'open').mockImplementation(async (deps, options) => {
    const store = await open(deps, options);
    const mortal = [...mortals].find(([folder]) => options.folder.startsWith(folder))?.[1];
    return mortal === undefined ? store : mortal.adopt(store);
  });
  const add = async (): Promise<Mortal> => {
    const home = await federation.add();
    const mortal = new Mortal(home);
    mortals.set(home.folder, mortal);
    await home.stop();
    await home.start();
    return mortal;
  };
  const [a, b] = [await add(), await add()];
  const [alice, bob] = [await a.home.person('alice'), await b.home.person('bob')];
  return {
    federation,
    ...{ a, b, alice, bob },
    async [Symbol.asyncDispose]() {
      for (const mortal of [a, b]) await mortal.rise();
      await federation[Symbol.asyncDispose]();
    },
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Hands in what is said; what has no receipt is handed in again when the home is back. How often it died of it. */
async function write(mortal: Mortal, alice: Person, said: readonly Said[], step: number): Promise<number> {
  let deaths = 0;
  for (let lastStep = step; ; lastStep = Number.POSITIVE_INFINITY) {
    const client = await mortal.home.signIn(alice);
    mortal.dieAt(lastStep);
    const receipts = said.map(({ pdu, body }) => client.submit(pdu, body));
    const all = await Promise.race([Promise.all(receipts), client.ended()]);
    client.close();
    if (all?.every(({ status }) => status === ReceiptStatus.OK || status === ReceiptStatus.DUPLICATE) === true)
      return deaths;
    deaths += 1;
    await mortal.rise();
  }
}

test.each(['sender', 'receiver'])(
  `the %s dies at every${STRIDE === 1 ? '' : ` ${STRIDE}th`} step of an exchange`,
  {
    timeout: isFullLength ? 3_600_000 : 300_000,
  },
  async (who) => {
    await using homes = await openHomes();
    const { federation, a, b, alice, bob } = homes;
    const mortal = who === 'sender' ? a : b;
    const accepted: PduId[] = [];
    let deaths = 0;
    for (let step = 1; ; step += STRIDE) {
      const thread = new Thread(random, alice);
      const recipients = [alice.address, bob.address];
      const founded = thread.found(alice, [bob.address]);
      const mail = thread.mail(alice, [founded], recipients, 'two');
      // A change that crosses the mail, so that hints are exchanged too.
      const setting = thread.join(alice, [founded], recipients, { open: 'reader' });
      const said = [founded, mail, setting];
      if (who === 'receiver') b.dieAt(step);
      const diedWriting = await write(a, alice, said, who === 'sender' ? step : Number.POSITIVE_INFINITY);
      accepted.push(...said.map(({ pdu }) => pdu.id));
      const isThere = async (): Promise<boolean> => {
        if (mortal.life.isOver) return true;
        const status = await a.home.core.operator.federationStatus(b.home.home);
        return (await b.home.mailCount(bob)) === accepted.length && status[0]?.queued === 0;
      };
      expect(await federation.until(() => isThere().catch(() => mortal.life.isOver), DAY, 1_000)).toBe(true);
      // The exchange is over: a step that comes while its end is looked at is none of it, and nobody would rise from it.
      const hasDied = mortal.spare();
      deaths += diedWriting;
      if (hasDied) {
        deaths += 1;
        await mortal.rise();
        expect(await federation.until(isThere, DAY, 1_000)).toBe(true);
      }
      expect(await b.home.mailbox(bob)).toEqual(accepted);
      expect([a.home.differing, b.home.differing]).toEqual([[], []]);
      if (!hasDied && diedWriting === 0) break;
    }
    process.stdout.write(
      `the ${who} died ${deaths} times; ${accepted.length} mails, ${a.home.sends} transactions sent\n`,
    );
    expect(deaths * STRIDE).toBeGreaterThan(STEPS_MIN);
  },
);
