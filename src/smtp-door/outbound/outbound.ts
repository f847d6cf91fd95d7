/**
 * Ordinary mail of a home's people on its way out (docs/protocol/smtp-door.md). A letter is taken from a person's client when it
 * is on disk, sealed; then it is tried for five days, and its author is told what became of it. Whose it is says the node, which
 * has proven who asks; that the letter says so too is seen to here.
 */
import type { Registry } from 'prom-client';
import {
  type Clock,
  createBoundedCache,
  type Emitter,
  type HttpDialer,
  type Log,
  type Prng,
  type SecureRandom,
  toHex,
} from '../../base/index.ts';
import type { DnsResolver } from '../../base/system/index.ts';
import {
  type Doorway,
  type LetterAnswer,
  type LetterCarrier,
  type LettersStatus,
  type LetterToSend,
  type ReportEvents,
  TokenBucket,
} from '../../node/index.ts';
import { type Address, type DeliveryReport, type HomeName, homeOf } from '../../protocol/index.ts';
import { StoreError } from '../../store/index.ts';
import { Courier, senderOf } from './courier.ts';
import { type DkimKey, signDkim } from './dkim.ts';
import { LetterMetrics } from './letter-metrics.ts';
import { LetterStore } from './letter-store.ts';
import { judgeText } from './letter-text.ts';
import {
  ACCOUNTS_REMEMBERED,
  LETTER_BYTES_MAX,
  LETTER_RECIPIENTS_MAX,
  RECIPIENT_BURST,
  RECIPIENT_INTERVAL_MS,
  TAKE_RETRY_MS,
  WAITING_BYTES_PER_ACCOUNT_MAX,
  WAITING_MAX,
  WAITING_PER_ACCOUNT_MAX,
} from './limits.ts';
import { MailClock } from './mail-clock.ts';
import { Queue } from './queue.ts';
import type { Relay } from './route.ts';
import { StsPolicies } from './sts.ts';

export interface OutboundDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly prng: Prng;
  readonly log: Log;
  readonly dns: DnsResolver;
  readonly dialer: HttpDialer;
  /** Of the node's metrics. */
  readonly registry: Registry;
  /** Asked each time, since a node may be opened anew. */
  readonly doorway: () => Pick<Doorway, 'store'>;
}

export interface OutboundOptions {
  readonly home: HomeName;
  /** What this machine calls itself, and is called in DNS. */
  readonly name: string;
  /** Undefined: to the servers of each domain. */
  readonly relay: Relay | undefined;
  readonly allowPrivate: boolean;
  /** Of mail servers. */
  readonly port: number;
  /** Seals texts on disk. */
  readonly key: Uint8Array;
  /** Empty: nothing is signed, as of a home on this machine. */
  readonly dkim: readonly DkimKey[];
}

export class Outbound implements LetterCarrier, AsyncDisposable {
  readonly bytesMax = LETTER_BYTES_MAX;
  readonly #deps: OutboundDeps;
  readonly #options: OutboundOptions;
  readonly #clock: MailClock;
  readonly #letters: LetterStore;
  readonly #queue: Queue;
  readonly #rates = createBoundedCache<Address, TokenBucket>(ACCOUNTS_REMEMBERED);
  readonly #metrics: LetterMetrics;

  private constructor(deps: OutboundDeps, options: OutboundOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#clock = new MailClock(deps.clock);
    const store = () => deps.doorway().store;
    const clock = this.#clock;
    this.#letters = new LetterStore({ ...deps, store }, options);
    const policies = new StsPolicies({ ...deps, store, now: () => clock.now() });
    const courier = new Courier(
      { ...deps, policyOf: (domain, signal) => policies.policyOf(domain, signal) },
      { ...options, ownNames: [options.name, options.home] },
    );
    this.#queue = new Queue({
      ...deps,
      clock,
      courier,
      letters: this.#letters,
      sign: (text) => signDkim(text, options.home, options.dkim),
      onFinal: (outcome) => this.#metrics.count(outcome),
      onDeferred: () => this.#metrics.count('deferred'),
    });
    this.#metrics = new LetterMetrics(deps.registry, () => {
      const { oldestAt = clock.now(), size: queued } = this.#queue;
      return { queued, oldestSeconds: (clock.now() - oldestAt) / 1_000 };
    });
  }

  /** Goes on with what an earlier process left. */
  static async open(deps: OutboundDeps, options: OutboundOptions): Promise<Outbound> {
    const outbound = new Outbound(deps, options);
    await outbound.#queue.start();
    return outbound;
  }

  get reports(): Emitter<ReportEvents> {
    return this.#queue.reports;
  }

  get status(): LettersStatus {
    const { oldestAt, size: queued, view: destinations } = this.#queue;
    return { queued, ...(oldestAt === undefined ? {} : { oldestAt }), ...this.#metrics.counts, destinations };
  }

  reportsOf(author: Address): Promise<readonly DeliveryReport[]> {
    return this.#letters.reportsOf(author, this.#clock.now());
  }

  retry(domain: string | undefined): void {
    this.#queue.retry(domain);
  }

  async take(letter: LetterToSend): Promise<LetterAnswer> {
    try {
      return await this.#take(letter);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#deps.log.error({ error }, 'a letter cannot be kept now');
      return { status: 'unavailable', detail: 'the node cannot write now', retryAfterMs: TAKE_RETRY_MS };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]();
  }

  async #take(letter: LetterToSend): Promise<LetterAnswer> {
    const { author, id, text } = letter;
    if (await this.#letters.has(author, id)) return { status: 'duplicate' };
    const refusal = this.#judgeEnvelope(letter) ?? (await this.#judgeLoad(letter));
    if (refusal !== undefined) return refusal;
    if (text === undefined) return { status: 'send_body' };
    const now = this.#clock.now();
    const messageId = `<${toHex(this.#deps.random.bytes(16))}@${senderOf(author).slice(author.lastIndexOf('@') + 1)}>`;
    const judged = judgeText(text, { author, now, messageId });
    if (judged.status === 'wrong') return { status: 'rejected', detail: judged.why };
    const waitMs = this.#takeRate(letter);
    if (waitMs > 0) return { status: 'rate_limited', detail: 'too many recipients in an hour', retryAfterMs: waitMs };
    const added = await this.#letters.add({ ...letter, acceptedAt: now, sizeBytes: judged.text.length }, judged.text);
    if (added.status === 'duplicate') return added;
    this.#queue.add(added.letter);
    return { status: 'ok', receivedAt: now };
  }

  #judgeEnvelope({ recipients, sizeBytes, text }: LetterToSend): LetterAnswer | undefined {
    const { home } = this.#options;
    const size = text?.length ?? sizeBytes;
    if (size > LETTER_BYTES_MAX)
      return { status: 'too_large', detail: `ordinary mail has at most ${LETTER_BYTES_MAX} bytes` };
    if (recipients.length === 0 || recipients.length > LETTER_RECIPIENTS_MAX)
      return { status: 'rejected', detail: `a letter has 1 to ${LETTER_RECIPIENTS_MAX} recipients` };
    if (recipients.some((address) => homeOf(address) === home))
      return { status: 'rejected', detail: `people of ${home} are written to by encrypted mail` };
    return undefined;
  }

  async #judgeLoad({ author, sizeBytes }: LetterToSend): Promise<LetterAnswer | undefined> {
    if (this.#queue.size >= WAITING_MAX)
      return { status: 'unavailable', detail: 'too much mail waits at this home', retryAfterMs: TAKE_RETRY_MS };
    const load = await this.#letters.loadOf(author);
    if (load.letters >= WAITING_PER_ACCOUNT_MAX || load.bytes + sizeBytes > WAITING_BYTES_PER_ACCOUNT_MAX)
      return { status: 'rate_limited', detail: 'too much of your mail waits already', retryAfterMs: TAKE_RETRY_MS };
    return undefined;
  }

  /** The wait; 0: it may be sent. One that has a right to the first of its recipients has it to all, and others wait the longer. */
  #takeRate({ author, recipients }: LetterToSend): number {
    const now = this.#deps.clock.monotonic();
    const bucket = this.#rates.get(author) ?? new TokenBucket(RECIPIENT_INTERVAL_MS, RECIPIENT_BURST, now);
    this.#rates.set(author, bucket);
    const waitMs = bucket.waitMs(now);
    if (waitMs === 0) for (const _ of recipients) bucket.reserve(now, LETTER_RECIPIENTS_MAX);
    return waitMs;
  }
}
