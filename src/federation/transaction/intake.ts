/**
 * Takes numbered items of another home, pushed or pulled: judged outside, then staged, counted and answered in one store
 * transaction.
 *
 * Items that begin beyond the next number are refused with the number that is held, and the sender goes back. Intervals
 * could be remembered instead, but then a mail could be read before one that was sent earlier, and an origin could make us
 * remember as many holes as it likes. Since an origin sends one range at a time, a gap means that one of us was restored.
 */
import { type Clock, fromHex, invariant, type Prng, readUint64, uint64Bytes } from '../../base/index.ts';
import { encodeAnswer, type FeedId, type HomeName, type Item, type ItemResult } from '../../protocol/index.ts';
import type { Store, StoreReader } from '../../store/index.ts';
import type { Commit, OutboxView, OwnFleet, PduInbox } from '../ports.ts';
import { heldKey } from '../row-keys.ts';
import { findAnswer, keepAnswer, readAnswered } from './answers.ts';
import { momentOf } from './destination.ts';
import { reachOf } from './reach.ts';
import { keepWanted, readWantedBetween } from './wanted.ts';

export interface IntakeDeps<Judged> {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly store: Store;
  readonly commit: Commit;
  readonly inbox: PduInbox<Judged>;
  readonly outbox: OutboxView;
  readonly fleet: OwnFleet;
}

export interface Numbered {
  readonly feed: FeedId;
  /** In ascending order. */
  readonly numbers: readonly number[];
  readonly items: readonly Item[];
}

export interface Taken {
  readonly heldTo: number;
  /** The answer as it was or will be given. */
  readonly answer: Uint8Array;
  /** False: a gap before them, or an answer from before. */
  readonly isTaken: boolean;
  readonly isAnyWanted: boolean;
}

export class Intake<Judged> {
  readonly #deps: IntakeDeps<Judged>;

  constructor(deps: IntakeDeps<Judged>) {
    this.#deps = deps;
  }

  async heldTo(origin: HomeName, feed: FeedId): Promise<number> {
    return readHeld(this.#deps.store, origin, feed);
  }

  /** `txn`: the transaction that brings them, undefined for what was pulled. */
  async take(
    origin: HomeName,
    { feed, items, numbers }: Numbered,
    txn: string | undefined,
    signal: AbortSignal,
  ): Promise<Taken> {
    const { clock, commit, inbox, outbox, prng, store } = this.#deps;
    const [first, last] = [numbers[0], numbers.at(-1)];
    invariant(first !== undefined && last !== undefined, 'what is taken has items');
    const answered = (rows: StoreReader): Promise<Uint8Array | undefined> =>
      txn === undefined ? Promise.resolve(undefined) : findAnswer(rows, origin, txn);
    // What is read, here and below, is asked for in one turn: a round to the store costs more than what it looks up.
    const [ours, held, known] = await Promise.all([
      outbox.reach(origin),
      readHeld(store, origin, feed),
      answered(store),
    ]);
    if (known !== undefined) return { heldTo: held, answer: known, isTaken: false, isAnyWanted: false };
    const reach = reachOf(ours);
    const answerOf = (results: readonly ItemResult[], heldTo: number): Uint8Array =>
      encodeAnswer({ results: [...results], feed: fromHex(feed), heldTo, reach });
    const refuse = (heldTo: number): Taken => ({
      heldTo,
      answer: answerOf([], heldTo),
      isTaken: false,
      isAnyWanted: false,
    });
    // Numbers are never taken back, so that a gap now is one that costs no judging.
    if (first > held + 1) return refuse(held);
    const judged = await inbox.judge(origin, items, signal);
    signal.throwIfAborted();
    const taken = await commit(async (staging): Promise<Taken> => {
      const { rows } = staging;
      const way = { isPulled: txn === undefined, jitter: prng.next(), now: momentOf(clock) };
      const [before, heldBefore, answers, wanted] = await Promise.all([
        answered(rows),
        readHeld(rows, origin, feed),
        txn === undefined ? undefined : readAnswered(rows, origin),
        readWantedBetween(rows, origin, feed, first, last, way.now),
      ]);
      if (before !== undefined) return { heldTo: heldBefore, answer: before, isTaken: false, isAnyWanted: false };
      if (first > heldBefore + 1) return refuse(heldBefore);
      const results = await inbox.stage(staging, origin, judged);
      invariant(results.length === items.length, 'each item has a result');
      const heldTo = Math.max(heldBefore, last);
      if (heldTo > heldBefore) rows.put(heldKey(origin, feed), uint64Bytes(heldTo));
      const answer = answerOf(results, heldTo);
      const isAnyWanted = keepWanted(rows, origin, feed, numbers, results, wanted, way);
      if (txn !== undefined && answers !== undefined) keepAnswer(rows, origin, txn, answer, answers);
      return { heldTo, answer, isTaken: true, isAnyWanted };
    });
    this.#deps.fleet.progressed(origin);
    return taken;
  }
}

async function readHeld(rows: StoreReader, origin: HomeName, feed: FeedId): Promise<number> {
  const held = await rows.get(heldKey(origin, feed));
  return held === undefined ? 0 : readUint64(held);
}
