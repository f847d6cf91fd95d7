/**
 * Sends what is in the outbox over one connection, several at once, in the order of writing. What may succeed later waits
 * with back-off, doubling; a rate limit holds up everything, since it is the account's; what the node refuses for good is
 * settled as refused. The connection's end ends the run and loses nothing.
 */
import { type Clock, isAbort, type Log, toHex } from '../../base/index.ts';
import {
  INLINE_BODY_BYTES_MAX,
  parseFeedId,
  type Receipt as ReceiptMessage,
  ReceiptStatus,
} from '../../protocol/index.ts';
import type { Uploader } from '../attachments/uploader.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import { RETRY_CEILING_MS, RETRY_FIRST_MS } from '../limits.ts';
import type { LetterHandover } from './letter-handover.ts';
import type { Letter, Outbox, OutboxItem, Outcome, RefusalCode } from './outbox.ts';

export interface SenderDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly outbox: Outbox;
  readonly uploader: Pick<Uploader, 'upload'>;
  readonly letters: Pick<LetterHandover, 'hand'>;
}

export interface SenderOptions {
  /** For receipts. */
  readonly node: string;
  /** The node cannot take it now: another might. */
  readonly onUnavailable: () => void;
}

type Attempt =
  | { readonly status: 'settled'; readonly outcome: Outcome }
  /** `all`: nothing of this account is taken before. */
  | { readonly status: 'later'; readonly afterMs: number; readonly all: boolean };

interface Delay {
  readonly until: number;
  readonly failures: number;
}

const REFUSALS: Partial<Record<ReceiptStatus, RefusalCode>> = Object.freeze({
  [ReceiptStatus.TOO_LARGE]: 'too_large',
  [ReceiptStatus.OVER_QUOTA]: 'over_quota',
  [ReceiptStatus.UNKNOWN_RECIPIENT]: 'unknown_recipient',
  [ReceiptStatus.REJECTED]: 'rejected',
});

export class OutboxSender {
  readonly #deps: SenderDeps;
  readonly #delays = new Map<number, Delay>();
  #pausedUntil = 0;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** Runs until the signal or the end of the connection. */
  async run(connection: NodeConnection, options: SenderOptions, signal: AbortSignal): Promise<void> {
    const { outbox } = this.#deps;
    const inFlight = new Map<number, Promise<void>>();
    let wake: () => void = () => undefined;
    const stop = (): void => wake();
    signal.addEventListener('abort', stop, { once: true });
    void connection.ended.then(stop);
    while (!signal.aborted && connection.isOpen) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      void outbox.whenChanged().then(stop);
      for (const item of outbox.queuedAfter(0)) {
        if (inFlight.size >= connection.submitWindow) break;
        if (inFlight.has(item.number) || !this.#isDue(item.number)) continue;
        const sending = this.#send(connection, item, options).finally(() => {
          inFlight.delete(item.number);
          wake();
        });
        inFlight.set(item.number, sending);
      }
      await this.#untilDue(woken, signal);
    }
    await Promise.all(inFlight.values());
    signal.removeEventListener('abort', stop);
  }

  /** Hands a node, which is not the one of `run`, the letters that it alone may have. */
  async handLetters(connection: NodeConnection, node: string): Promise<void> {
    const key = toHex(connection.info.node);
    for (const item of await this.#deps.outbox.lettersOf((one) => one === key))
      await this.#send(connection, item, { node, onUnavailable: () => undefined });
  }

  /** Gives up letters that wait for a node which is of the home no more: whether it sent them cannot be told. */
  async giveUpLetters(isOfHome: (node: string) => boolean): Promise<void> {
    const detail = 'the node that it was handed to is of the home no more, and may have sent it';
    for (const item of await this.#deps.outbox.lettersOf((node) => !isOfHome(node)))
      await this.#settle(item, { status: 'refused', code: 'node_gone', detail });
  }

  /** A person asks: nothing waits any longer. */
  hurry(): void {
    this.#delays.clear();
    this.#pausedUntil = 0;
  }

  #isDue(number: number): boolean {
    const now = this.#deps.clock.monotonic();
    return this.#pausedUntil <= now && (this.#delays.get(number)?.until ?? 0) <= now;
  }

  /** Waits for `woken`, or until something that was put off is due. */
  async #untilDue(woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const now = this.#deps.clock.monotonic();
    const times = [this.#pausedUntil, ...[...this.#delays.values()].map((delay) => delay.until)].filter(
      (at) => at > now,
    );
    if (times.length === 0) return woken;
    const timer = new AbortController();
    const either = AbortSignal.any([signal, timer.signal]);
    const due = this.#deps.clock.sleep(Math.min(...times) - now, either).catch((error: unknown) => {
      if (!isAbort(error, either)) throw error;
    });
    await Promise.race([woken, due]);
    timer.abort();
  }

  async #send(connection: NodeConnection, item: OutboxItem, options: SenderOptions): Promise<void> {
    const attempt = await this.#attempt(connection, item, options.node);
    if (attempt === undefined) return;
    if (attempt.status === 'settled') return this.#settle(item, attempt.outcome);
    const now = this.#deps.clock.monotonic();
    if (attempt.all) {
      this.#pausedUntil = Math.max(this.#pausedUntil, now + attempt.afterMs);
      return;
    }
    this.#putOff(item.number, attempt.afterMs);
    // That mail servers are slow, or a letter is another node's, says nothing of the node.
    if (item.letter === undefined) options.onUnavailable();
  }

  /** What was delivered and cannot be written down is sent once more, later, and is a duplicate then. */
  async #settle(item: OutboxItem, outcome: Outcome): Promise<void> {
    try {
      await this.#deps.outbox.settle(item, outcome);
      this.#delays.delete(item.number);
    } catch (err) {
      this.#deps.log.error({ err, pdu: item.id }, 'what became of a mail cannot be kept now');
      this.#putOff(item.number, RETRY_FIRST_MS);
    }
  }

  #putOff(number: number, afterMs: number): void {
    const failures = (this.#delays.get(number)?.failures ?? 0) + 1;
    const backOffMs = Math.min(RETRY_CEILING_MS, RETRY_FIRST_MS * 2 ** (failures - 1));
    this.#delays.set(number, { until: this.#deps.clock.monotonic() + Math.max(afterMs, backOffMs), failures });
  }

  /** Ordinary mail: by the one node that may have it already. */
  async #attemptLetter(
    connection: NodeConnection,
    { number }: OutboxItem,
    letter: Letter,
    node: string,
  ): Promise<Attempt | undefined> {
    const { letters, outbox } = this.#deps;
    const text = await outbox.loadLetter(number, toHex(connection.info.node));
    if (text === undefined) return undefined;
    if (text === 'elsewhere') return { status: 'later', afterMs: RETRY_CEILING_MS, all: false };
    return judgeLetter(await letters.hand(connection, letter, text), node);
  }

  /** Undefined: the connection ended, or there is nothing to send. */
  async #attempt(connection: NodeConnection, item: OutboxItem, node: string): Promise<Attempt | undefined> {
    try {
      if (item.letter !== undefined) return await this.#attemptLetter(connection, item, item.letter, node);
      const pdu = await this.#deps.outbox.load(item.number);
      if (pdu === undefined) return undefined;
      for (const attached of item.attached) {
        const refusal = await this.#deps.uploader.upload(connection, attached);
        if (refusal !== undefined) return judge(refusal, node);
      }
      // A large body is offered first, so that a refusal costs a header and not two megabytes.
      const offer = pdu.body.length > INLINE_BODY_BYTES_MAX;
      const receipt = await connection.submit(pdu.header, offer ? undefined : pdu.body);
      if (receipt.status !== ReceiptStatus.SEND_BODY) return judge(receipt, node);
      return judge(await connection.submit(pdu.header, pdu.body), node);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === 'no_letters') return refused('no_letters', 'this home sends no ordinary mail');
      if (refusal === 'rate_limited') return { status: 'later', afterMs: RETRY_FIRST_MS, all: true };
      this.#deps.log.debug({ err: error, pdu: item.id }, 'a submit had no receipt');
      // A connection that lives without answering is judged by whoever chose it; the item waits its turn.
      return connection.isOpen ? { status: 'later', afterMs: RETRY_FIRST_MS, all: false } : undefined;
    }
  }
}

function refused(code: RefusalCode, detail: string): Attempt {
  return { status: 'settled', outcome: { status: 'refused', code, detail } };
}

/** What holds up letters holds up nothing else. */
function judgeLetter({ detail, retryAfterMs, status }: ReceiptMessage, node: string): Attempt {
  const refusal = REFUSALS[status];
  if (refusal !== undefined) return refused(refusal, detail);
  if (status === ReceiptStatus.OK || status === ReceiptStatus.DUPLICATE)
    return { status: 'settled', outcome: { status: 'handed_over', node } };
  return { status: 'later', afterMs: retryAfterMs, all: false };
}

function judge(receipt: ReceiptMessage, node: string): Attempt {
  const { status, detail, retryAfterMs } = receipt;
  const refusal = REFUSALS[status];
  if (refusal !== undefined) return refused(refusal, detail);
  switch (status) {
    case ReceiptStatus.OK:
    case ReceiptStatus.PENDING:
    case ReceiptStatus.DUPLICATE: {
      if (receipt.feed.length !== 32) return { status: 'later', afterMs: RETRY_FIRST_MS, all: false };
      const place = { node, feed: parseFeedId(toHex(receipt.feed)), index: receipt.index };
      const delivered = status === ReceiptStatus.PENDING ? 'pending' : 'accepted';
      return { status: 'settled', outcome: { status: delivered, receipt: place } };
    }
    case ReceiptStatus.RATE_LIMITED:
      return { status: 'later', afterMs: retryAfterMs, all: true };
    default:
      // UNAVAILABLE; SEND_BLOBS, where a piece was removed meanwhile; and what a newer node may say.
      return { status: 'later', afterMs: retryAfterMs, all: false };
  }
}
