/**
 * The octets of DATA, judged while they come, so that what is refused is not kept: size, length of lines, line ends. A CR or
 * LF that stands alone is refused, since servers disagree about whether it ends a line, and with that about where a message
 * ends: what one of them takes for text, another takes for the next command (SMTP smuggling).
 */
import { concatBytes } from '../base/index.ts';
import { HEADER_BYTES_MAX, HEADER_LINES_MAX, HOPS_MAX, LINE_BYTES_MAX } from './limits.ts';
import type { Room } from './memory.ts';
import { REFUSALS, type Refusal } from './reply.ts';

export type ReadMessage =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

const CR = 13;
const LF = 10;

export class MessageReader {
  readonly #room: Room;
  readonly #bytesMax: number;
  readonly #pieces: Uint8Array[] = [];
  #sizeBytes = 0;
  #lineBytes = 0;
  #headerLines = 0;
  #isHeader = true;
  #isAfterCr = false;
  #refusal: Refusal | undefined;

  /** `room` is given back by its owner, when the message is done with. */
  constructor(room: Room, bytesMax: number) {
    this.#room = room;
    this.#bytesMax = bytesMax;
  }

  /** What came before a refusal is dropped at once; what comes after it is looked at no more. */
  push(piece: Uint8Array): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = this.#judge(piece);
    if (this.#refusal === undefined) this.#pieces.push(piece);
    else this.refuse(this.#refusal);
  }

  /** Whatever else comes, the message is refused with this. */
  refuse(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#pieces.length = 0;
    this.#room.leave();
  }

  end(): ReadMessage {
    if (this.#refusal === undefined && this.#isAfterCr) this.refuse(REFUSALS.bareLineEnd);
    if (this.#refusal !== undefined) return { kind: 'refused', refusal: this.#refusal };
    const bytes = concatBytes(...this.#pieces);
    this.#pieces.length = 0; // a large message is not here twice for longer than this
    if (hopsOf(bytes) > HOPS_MAX) return { kind: 'refused', refusal: REFUSALS.loop };
    return { kind: 'whole', bytes };
  }

  #judge(piece: Uint8Array): Refusal | undefined {
    this.#sizeBytes += piece.length;
    if (this.#sizeBytes > this.#bytesMax) return REFUSALS.tooLarge;
    if (!this.#room.take(piece.length)) return REFUSALS.busy;
    for (const byte of piece) {
      if (this.#isAfterCr !== (byte === LF)) return REFUSALS.bareLineEnd;
      this.#isAfterCr = byte === CR;
      if (byte === LF && this.#isHeader) {
        this.#headerLines += 1;
        this.#isHeader = this.#lineBytes > 1; // an empty line has its CR only
      }
      this.#lineBytes = byte === LF ? 0 : this.#lineBytes + 1;
      if (this.#lineBytes > LINE_BYTES_MAX) return REFUSALS.lineTooLong;
    }
    // Beyond by the piece that the header ends in, at most.
    const isTooLong = this.#isHeader && this.#sizeBytes > HEADER_BYTES_MAX;
    return isTooLong || this.#headerLines > HEADER_LINES_MAX ? REFUSALS.headerTooLarge : undefined;
  }
}

const RECEIVED = /^received:/i;

/** How many servers say that they had it: the Received fields of the header. */
function hopsOf(message: Uint8Array): number {
  let hops = 0;
  for (let at = 0; at < message.length && message[at] !== CR; ) {
    if (RECEIVED.test(String.fromCharCode(...message.subarray(at, at + 9)))) hops++;
    const end = message.indexOf(LF, at);
    if (end < 0) break;
    at = end + 1;
  }
  return hops;
}
