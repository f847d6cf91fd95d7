/**
 * Ordinary mail of this home's people on its way out, as a port: whoever carries it (src/smtp-door) is told by `Node.carry`.
 * The node knows who asks; what may be sent, and what becomes of it, is the carrier's.
 */
import { Emitter, type Log, toHex } from '../base/index.ts';
import {
  type Address,
  type DeliveryReport,
  isAddress,
  type Letter,
  type LetterPiece as LetterPieceMessage,
  type PduId,
  parsePduId,
  type Receipt,
  ReceiptStatus,
} from '../protocol/index.ts';
import { UNAVAILABLE_RETRY_MS } from './submission.ts';

export interface LetterToSend {
  /** 64 hexadecimal digits of the client's choice; told of under the same name as a PDU is. */
  readonly id: PduId;
  readonly author: Address;
  readonly recipients: readonly Address[];
  /** The envelope has no sender. */
  readonly returnsNothing: boolean;
  readonly sizeBytes: number;
  /** Undefined: kept back until it is asked for. */
  readonly text: Uint8Array | undefined;
}

/** Of a text that was asked for in pieces. */
export interface LetterPiece {
  readonly id: PduId;
  readonly author: Address;
  /** 1, 2, 3 … */
  readonly number: number;
  readonly bytes: Uint8Array;
}

export type LetterAnswer =
  /** On this node's disk. */
  | { readonly status: 'ok'; readonly receivedAt: number }
  | { readonly status: 'duplicate' | 'send_body' }
  /** In pieces from the `first` on, which is not here; then the letter again. */
  | { readonly status: 'send_pieces'; readonly first: number }
  | { readonly status: 'too_large' | 'rejected' | 'over_quota'; readonly detail: string }
  | { readonly status: 'rate_limited' | 'unavailable'; readonly detail: string; readonly retryAfterMs: number };

export interface ReportEvents {
  readonly report: { readonly author: Address; readonly report: DeliveryReport };
}

/** Of one domain that letters wait for. */
export interface LetterDestination {
  readonly domain: string;
  readonly letters: number;
  /** When the oldest of them was accepted, milliseconds since 1970. */
  readonly oldestAt: number;
  /** In a row: it could not be reached. */
  readonly failures: number;
  /** Absent: something is under way. */
  readonly nextAt?: number;
}

/** What waits, and what became of the rest since the start. */
export interface LettersStatus {
  /** Letters, once for each domain that they are for. */
  readonly queued: number;
  readonly oldestAt?: number;
  /** Recipients. */
  readonly delivered: number;
  readonly refused: number;
  /** Attempts that left somebody waiting. */
  readonly deferred: number;
  /** Those with the most letters; of a flood not all. */
  readonly destinations: readonly LetterDestination[];
}

export interface LetterCarrier {
  /** The largest text. */
  readonly bytesMax: number;
  /** `ok` when it is on disk, from where it is sent. */
  take(letter: LetterToSend): Promise<LetterAnswer>;
  /** `ok` when it is on disk. */
  takePiece(piece: LetterPiece): Promise<LetterAnswer>;
  reportsOf(author: Address): Promise<readonly DeliveryReport[]>;
  readonly status: LettersStatus;
  /** Tries what waits for a domain, or all, now. */
  retry(domain: string | undefined): void;
  /** A report is on disk. */
  readonly reports: Emitter<ReportEvents>;
}

/** Who carries letters here, if somebody does: for as long as the node runs, however often it is opened anew. */
export class Letters {
  readonly reports: Emitter<ReportEvents>;
  readonly #bytesMax: number;
  #carrier: LetterCarrier | undefined;

  /** `bytesMax`: what a carrier that is still to come takes; whoever connects before it is told so too. 0: none comes. */
  constructor({ log }: { readonly log: Log }, { bytesMax }: { readonly bytesMax: number } = { bytesMax: 0 }) {
    this.#bytesMax = bytesMax;
    this.reports = new Emitter((error) => log.error({ error }, 'a listener of letters failed'));
  }

  carry(carrier: LetterCarrier): Disposable {
    this.#carrier = carrier;
    const listening = carrier.reports.on('report', (told) => this.reports.emit('report', told));
    return {
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]();
        this.#carrier = undefined;
      },
    };
  }

  /** Undefined: nobody carries letters. */
  get status(): LettersStatus | undefined {
    return this.#carrier?.status;
  }

  retry(domain: string | undefined): void {
    this.#carrier?.retry(domain);
  }

  /** The largest text; 0: nobody carries letters. */
  get bytesMax(): number {
    return this.#carrier?.bytesMax ?? this.#bytesMax;
  }

  async reportsOf(author: Address): Promise<readonly DeliveryReport[]> {
    return (await this.#carrier?.reportsOf(author)) ?? [];
  }

  /** The receipt for a letter of `author`; undefined: nobody carries letters. */
  async take(author: Address, letter: Letter): Promise<Receipt | undefined> {
    const { id, recipients, request, returnsNothing, size, text, withText } = letter;
    if (this.#carrier === undefined) return this.#bytesMax === 0 ? undefined : receiptOf(request, NOT_YET);
    const strange = recipients.find((recipient) => !isAddress(recipient));
    if (id.length !== ID_BYTES) return rejected(request, 'the id of a letter has 32 bytes');
    if (strange !== undefined) return rejected(request, `not an address: ${strange.slice(0, 80)}`);
    const answer = await this.#carrier.take({
      id: parsePduId(toHex(id)),
      author,
      recipients: [...new Set(recipients.filter(isAddress))],
      returnsNothing,
      sizeBytes: withText ? text.length : size,
      text: withText ? text : undefined,
    });
    return receiptOf(request, answer);
  }

  /** As `take`, of a part of a text that was asked for. */
  async takePiece(author: Address, { id, number, request, text }: LetterPieceMessage): Promise<Receipt | undefined> {
    if (this.#carrier === undefined) return this.#bytesMax === 0 ? undefined : receiptOf(request, NOT_YET);
    if (id.length !== ID_BYTES) return rejected(request, 'the id of a letter has 32 bytes');
    const piece = { id: parsePduId(toHex(id)), author, number, bytes: text };
    return receiptOf(request, await this.#carrier.takePiece(piece));
  }
}

const STATUSES: Record<LetterAnswer['status'], ReceiptStatus> = {
  ok: ReceiptStatus.OK,
  duplicate: ReceiptStatus.DUPLICATE,
  send_body: ReceiptStatus.SEND_BODY,
  send_pieces: ReceiptStatus.SEND_PIECES,
  too_large: ReceiptStatus.TOO_LARGE,
  rejected: ReceiptStatus.REJECTED,
  over_quota: ReceiptStatus.OVER_QUOTA,
  rate_limited: ReceiptStatus.RATE_LIMITED,
  unavailable: ReceiptStatus.UNAVAILABLE,
};

const ID_BYTES = 32;

function rejected(request: number, detail: string): Receipt {
  return receiptOf(request, { status: 'rejected', detail });
}

function receiptOf(request: number, answer: LetterAnswer): Receipt {
  return {
    request,
    status: STATUSES[answer.status],
    feed: NO_FEED,
    index: 'first' in answer ? answer.first : 0,
    receivedAt: 'receivedAt' in answer ? Math.floor(answer.receivedAt * 1000) : 0,
    detail: 'detail' in answer ? answer.detail : '',
    retryAfterMs: 'retryAfterMs' in answer ? answer.retryAfterMs : 0,
  };
}

const NO_FEED = new Uint8Array(0);
const NOT_YET: LetterAnswer = Object.freeze({
  status: 'unavailable',
  detail: 'the node is starting or stopping',
  retryAfterMs: UNAVAILABLE_RETRY_MS,
});
