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
  Scope,
  type SecureRandom,
  toHex,
  unreachable,
} from '../../base/index.ts';
import type { DnsResolver } from '../../base/system/index.ts';
import {
  type Doorway,
  type LetterAnswer,
  type LetterCarrier,
  type LetterPiece,
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
import { type Added, LetterStore } from './letter-store.ts';
import { judgeFirstPiece, judgeText, type TextOptions } from './letter-text.ts';
import {
  ACCOUNTS_REMEMBERED,
  LETTER_RECIPIENTS_MAX,
  RATED_BYTES,
  RECIPIENT_BURST,
  RECIPIENT_INTERVAL_MS,
  TAKE_RETRY_MS,
  UPLOADS_SWEEP_MS,
  WAITING_BYTES_PER_ACCOUNT_MAX,
  WAITING_MAX,
  WAITING_PER_ACCOUNT_MAX,
  WHOLE_BYTES_MAX,
} from './limits.ts';
import { MailClock } from './mail-clock.ts';
import { Queue } from './queue.ts';
import type { Relay } from './route.ts';
import { StsPolicies } from './sts.ts';
import { isWhole } from './upload.ts';

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
  readonly doorway: () => Pick<Doorway, 'hasRoom' | 'store'>;
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
  /** The largest letter. */
  readonly bytesMax: number;
  /** Seals texts on disk. */
  readonly key: Uint8Array;
  /** Empty: nothing is signed, as of a home on this machine. */
  readonly dkim: readonly DkimKey[];
}

export class Outbound implements LetterCarrier, AsyncDisposable {
  readonly bytesMax: number;
  readonly #deps: OutboundDeps;
  readonly #options: OutboundOptions;
  readonly #clock: MailClock;
  readonly #letters: LetterStore;
  readonly #queue: Queue;
  readonly #rates = createBoundedCache<Address, TokenBucket>(ACCOUNTS_REMEMBERED);
  readonly #metrics: LetterMetrics;
  readonly #scope: Scope;

  private constructor(deps: OutboundDeps, options: OutboundOptions) {
    this.#deps = deps;
    this.#options = options;
    this.bytesMax = options.bytesMax;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of ordinary mail failed'));
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
      sign: (open) => signDkim(open, { domain: options.home, keys: options.dkim, now: deps.clock.now() }),
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
    outbound.#scope.spawn('sweep', (signal) => outbound.#sweep(signal));
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

  take(letter: LetterToSend): Promise<LetterAnswer> {
    return this.#whileItCanWrite(() => this.#take(letter));
  }

  takePiece(piece: LetterPiece): Promise<LetterAnswer> {
    return this.#whileItCanWrite(() => this.#takePiece(piece));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
    await this.#queue[Symbol.asyncDispose]();
  }

  async #whileItCanWrite(work: () => Promise<LetterAnswer>): Promise<LetterAnswer> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#deps.log.error({ error }, 'a letter cannot be kept now');
      return NOT_NOW;
    }
  }

  async #take(letter: LetterToSend): Promise<LetterAnswer> {
    const { author, id, text } = letter;
    if (await this.#letters.has(author, id)) return { status: 'duplicate' };
    const refusal = this.#judgeEnvelope(letter) ?? (await this.#judgeLoad(letter));
    if (refusal !== undefined) return refusal;
    if (text === undefined)
      return letter.sizeBytes > WHOLE_BYTES_MAX ? this.#takeUploaded(letter) : { status: 'send_body' };
    const judged = judgeText(text, this.#textOptions(author));
    if (judged.status === 'wrong') return { status: 'rejected', detail: judged.why };
    const waitMs = this.#takeRate(letter);
    if (waitMs > 0) return { status: 'rate_limited', detail: TOO_FAST, retryAfterMs: waitMs };
    const now = this.#clock.now();
    const added = await this.#letters.add({ ...letter, acceptedAt: now, sizeBytes: judged.text.length }, judged.text);
    return this.#added(added, now);
  }

  /** One whose text comes in pieces: what is missing is asked for, and when nothing is, it is a letter. */
  async #takeUploaded(letter: LetterToSend): Promise<LetterAnswer> {
    const { author, id, sizeBytes } = letter;
    const { uploads } = this.#letters;
    const now = this.#clock.now();
    const upload = await uploads.offer(author, id, sizeBytes, now);
    if (!isWhole(upload)) return { status: 'send_pieces', first: upload.held + 1 };
    const first = await uploads.firstPiece(upload);
    const judged = first === undefined ? undefined : judgeFirstPiece(first, this.#textOptions(author));
    if (judged?.status !== 'fine') {
      await uploads.forget(author, id);
      // Sealed by another key: the home was restored, and is given the text again.
      return judged === undefined ? OFFER_AGAIN : { status: 'rejected', detail: judged.why };
    }
    const waitMs = this.#takeRate(letter);
    if (waitMs > 0) return { status: 'rate_limited', detail: TOO_FAST, retryAfterMs: waitMs };
    const added = await this.#letters.addUploaded({ ...letter, acceptedAt: now }, upload, judged.text);
    return added.status === 'gone' ? OFFER_AGAIN : this.#added(added, now);
  }

  async #takePiece(piece: LetterPiece): Promise<LetterAnswer> {
    if (!this.#deps.doorway().hasRoom) return NOT_NOW;
    const now = this.#clock.now();
    const taken = await this.#letters.uploads.take(piece, now);
    switch (taken.status) {
      case 'ok':
        return { status: 'ok', receivedAt: now };
      case 'duplicate':
        return { status: 'duplicate' };
      case 'wanted':
        return { status: 'send_pieces', first: taken.number };
      case 'wrong_size':
        return { status: 'rejected', detail: `piece ${piece.number} of the letter has ${taken.bytes} bytes` };
      case 'unknown':
        return OFFER_AGAIN;
      default:
        return unreachable(taken);
    }
  }

  #added(added: Added, now: number): LetterAnswer {
    if (added.status === 'duplicate') return added;
    this.#queue.add(added.letter);
    return { status: 'ok', receivedAt: now };
  }

  #textOptions(author: Address): TextOptions {
    const host = senderOf(author).slice(author.lastIndexOf('@') + 1);
    return { author, now: this.#clock.now(), messageId: `<${toHex(this.#deps.random.bytes(16))}@${host}>` };
  }

  /** Removes what nobody goes on with. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      try {
        await this.#letters.uploads.sweep(this.#clock.now());
      } catch (error) {
        signal.throwIfAborted();
        log.error({ error }, 'what came of letters in part cannot be looked through now');
      }
      await clock.sleep(UPLOADS_SWEEP_MS, signal);
    }
  }

  #judgeEnvelope({ recipients, sizeBytes, text }: LetterToSend): LetterAnswer | undefined {
    const { home } = this.#options;
    const size = text?.length ?? sizeBytes;
    if (size > this.bytesMax)
      return { status: 'too_large', detail: `ordinary mail has at most ${this.bytesMax} bytes` };
    if (recipients.length === 0 || recipients.length > LETTER_RECIPIENTS_MAX)
      return { status: 'rejected', detail: `a letter has 1 to ${LETTER_RECIPIENTS_MAX} recipients` };
    if (recipients.some((address) => homeOf(address) === home))
      return { status: 'rejected', detail: `people of ${home} are written to by encrypted mail` };
    return undefined;
  }

  async #judgeLoad({ author, id, sizeBytes }: LetterToSend): Promise<LetterAnswer | undefined> {
    if (!this.#deps.doorway().hasRoom) return NOT_NOW;
    if (this.#queue.size >= WAITING_MAX)
      return { status: 'unavailable', detail: 'too much mail waits at this home', retryAfterMs: TAKE_RETRY_MS };
    const load = await this.#letters.loadOf(author, id);
    if (load.letters >= WAITING_PER_ACCOUNT_MAX || load.bytes + sizeBytes > WAITING_BYTES_PER_ACCOUNT_MAX)
      return { status: 'rate_limited', detail: 'too much of your mail waits already', retryAfterMs: TAKE_RETRY_MS };
    return undefined;
  }

  /** The wait; 0: it may be sent. One that has a right to the first of its recipients has it to all, and others wait the longer. */
  #takeRate({ author, recipients, sizeBytes }: LetterToSend): number {
    const count = recipients.length * Math.max(1, Math.ceil(sizeBytes / RATED_BYTES));
    const now = this.#deps.clock.monotonic();
    const bucket = this.#rates.get(author) ?? new TokenBucket(RECIPIENT_INTERVAL_MS, RECIPIENT_BURST, now);
    this.#rates.set(author, bucket);
    const waitMs = bucket.waitMs(now);
    if (waitMs === 0) for (let i = 0; i < count; i++) bucket.reserve(now, count);
    return waitMs;
  }
}

const TOO_FAST = 'too many recipients in an hour, or too much for them';
const NOT_NOW: LetterAnswer = Object.freeze({
  status: 'unavailable',
  detail: 'the node cannot write now',
  retryAfterMs: TAKE_RETRY_MS,
});
const OFFER_AGAIN: LetterAnswer = Object.freeze({
  status: 'unavailable',
  detail: 'nothing is here of the text of this letter: offer it again',
  retryAfterMs: 0,
});
