/**
 * Transactions of other homes. The same transaction twice at once is processed once; one that was answered is answered
 * again from the store, to the byte; a bad item spoils no other. Processing that has begun goes on when the caller hangs
 * up: whoever asks again finds the answer.
 */
import type { Clock, Scope } from '../../base/index.ts';
import {
  decodeAnswer,
  encodeAnswer,
  type FeedId,
  feedIdOf,
  type HomeName,
  type ItemResult,
  ItemStatus,
  type Reach,
  type Transaction,
} from '../../protocol/index.ts';
import { within } from '../deadline.ts';
import { FederationError } from '../federation-error.ts';
import type { HintPort, HomeDirectory, OutboxView, OwnFleet } from '../ports.ts';
import { Admission } from './admission.ts';
import { parseTxn } from './batch.ts';
import type { Intake, Numbered, Taken } from './intake.ts';
import { decodeBody, ownsFeed } from './judging.ts';
import { RECEIVE_TIMEOUT_MS, TXN_CHARACTERS_MAX } from './limits.ts';
import { reachOf } from './reach.ts';

export interface ReceiverDeps<Judged> {
  readonly clock: Clock;
  readonly scope: Scope;
  /** Our own name. */
  readonly home: HomeName;
  readonly directory: HomeDirectory;
  readonly outbox: OutboxView;
  readonly hints: HintPort;
  readonly intake: Intake<Judged>;
  readonly fleet: OwnFleet;
  readonly onReach: (home: HomeName, reach: readonly Reach[]) => void;
  readonly onTaken: (origin: HomeName, taken: Taken) => void;
}

const PENDING: ItemResult = Object.freeze({
  status: ItemStatus.LATER,
  code: 'pending',
  detail: 'taken, and not on as many disks yet as this home wants',
});

export class Receiver<Judged> {
  readonly #deps: ReceiverDeps<Judged>;
  readonly #admission = new Admission();
  /** By origin and transaction. */
  readonly #underWay = new Map<string, Promise<Uint8Array>>();

  constructor(deps: ReceiverDeps<Judged>) {
    this.#deps = deps;
  }

  /** The Answer. Throws FederationError; then nothing has changed. */
  async receive(origin: HomeName, txn: string, body: Uint8Array): Promise<Uint8Array> {
    if (txn.length > TXN_CHARACTERS_MAX) throw new FederationError('malformed', 'no id of a transaction is so long');
    const name = `${origin} ${txn}`;
    const twin = this.#underWay.get(name);
    if (twin !== undefined) return twin;
    const { clock, scope } = this.#deps;
    const processing = within(clock, RECEIVE_TIMEOUT_MS, scope.signal, (signal) =>
      this.#admission.run(origin, signal, () => this.#process(origin, txn, body, signal)),
    ).then((answer) => this.#whenCopied(answer));
    this.#underWay.set(name, processing);
    try {
      return await processing;
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** What is not on enough disks is not answered for: it is here, and the sender keeps it and asks again. */
  async #whenCopied(answer: Uint8Array): Promise<Uint8Array> {
    if (await this.#deps.fleet.untilCopied()) return answer;
    const { results, ...rest } = decodeAnswer(answer);
    const isTaken = ({ status }: ItemResult): boolean => status === ItemStatus.OK || status === ItemStatus.DUPLICATE;
    return encodeAnswer({ ...rest, results: results.map((result) => (isTaken(result) ? PENDING : result)) });
  }

  async #process(origin: HomeName, txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const transaction = decodeBody(body);
    if (transaction.origin !== origin)
      throw new FederationError('forbidden', `${origin} sent a transaction that names another origin`);
    if (transaction.destination !== this.#deps.home)
      throw new FederationError('wrong_destination', `a transaction for ${transaction.destination}`);
    if (transaction.items.length === 0) return this.#hear(origin, transaction);
    // Before anything is written: an answer to each item would be kept.
    if (!this.#deps.fleet.hasRoom())
      throw new FederationError('unavailable', 'the disk here is nearly full', { retry: 'later' });
    const numbered = numberedOf(txn, transaction);
    await this.#checkFeed(origin, numbered.feed, signal);
    const taken = await this.#deps.intake.take(origin, numbered, txn, signal);
    this.#deps.onTaken(origin, taken);
    return taken.answer;
  }

  /** The answer to EDUs is not stored: said twice, they are heard twice. */
  async #hear(origin: HomeName, { edus, reach }: Transaction): Promise<Uint8Array> {
    const { hints, onReach, outbox } = this.#deps;
    const ours = reachOf(await outbox.reach(origin));
    // Answered when it is on disk: who has said it does not say it again.
    if (edus.length > 0) await hints.hear(origin, edus);
    onReach(origin, reach);
    return encodeAnswer({ results: [], feed: new Uint8Array(0), heldTo: 0, reach: ours });
  }

  async #checkFeed(origin: HomeName, feed: FeedId, signal: AbortSignal): Promise<void> {
    if (await ownsFeed(this.#deps.directory, origin, feed, signal)) return;
    throw new FederationError('forbidden', `feed ${feed} is not in the home document of ${origin}`);
  }
}

/** A transaction's id says what is in it; one that contradicts its content would be answered for something else later. */
function numberedOf(txn: string, { feed, first, items }: Transaction): Numbered {
  const name = parseTxn(txn);
  const isNamed =
    name !== undefined &&
    feed.length === 32 &&
    name.feed === feedIdOf(feed) &&
    name.range.first === first &&
    name.range.last === first + items.length - 1;
  if (!isNamed) throw new FederationError('malformed', 'the id of the transaction is not that of its items');
  return { feed: name.feed, numbers: items.map((_, index) => first + index), items };
}
