/**
 * The mbox format (RFC 4155; quoting as mboxrd): messages one after the other, each begun by a `From ` line after an empty
 * one. Reading works on pieces of any size and keeps no more than one message; writing a message and reading it again
 * gives the same bytes, but that a missing line end at its end is added.
 */
import { concatBytes, fromUtf8, utf8 } from '../../base/index.ts';
import { MBOX_LINE_BYTES_MAX, MESSAGE_BYTES_MAX } from '../limits.ts';

export interface MboxMessage {
  /** 1, 2, 3 … within the file. */
  readonly number: number;
  /** Without the `From ` line, quoting undone; undefined when larger than MESSAGE_BYTES_MAX. */
  readonly bytes: Uint8Array | undefined;
}

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 62; // >
const FROM = utf8('From ');
/** A sender and a date with a time and a year: a sentence that begins with "From" has none. */
const SEPARATOR = /^From \S.*\d{1,2}:\d{2}.*\d{4}/;

export class MboxReader {
  #rest: Uint8Array = new Uint8Array(0);
  #message: Uint8Array[] = [];
  #sizeBytes = 0;
  #number = 0;
  #isAfterEmptyLine = true;
  #isWithinLine = false;

  /** The messages that end within `chunk`. */
  *push(chunk: Uint8Array): Generator<MboxMessage> {
    const bytes = this.#rest.length === 0 ? chunk : concatBytes(this.#rest, chunk);
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, at);
      if (end < 0) break;
      yield* this.#takeLine(bytes.subarray(at, end + 1));
      at = end + 1;
    }
    this.#rest = bytes.slice(at);
    if (this.#rest.length > MBOX_LINE_BYTES_MAX) {
      this.#append(this.#rest);
      this.#rest = new Uint8Array(0);
      this.#isWithinLine = true;
    }
  }

  /** The last message. */
  *end(): Generator<MboxMessage> {
    if (this.#rest.length > 0) yield* this.#takeLine(this.#rest);
    this.#rest = new Uint8Array(0);
    yield* this.#finish();
  }

  *#takeLine(line: Uint8Array): Generator<MboxMessage> {
    if (this.#isWithinLine) {
      this.#isWithinLine = false;
      this.#isAfterEmptyLine = false;
      this.#append(line);
      return;
    }
    if (this.#isAfterEmptyLine && isSeparator(line, this.#number === 0)) {
      yield* this.#finish();
      this.#number++;
      this.#isAfterEmptyLine = false;
      return;
    }
    this.#isAfterEmptyLine = isEmpty(line);
    // Without a separator at its beginning the file is one message as it stands.
    this.#append(this.#number > 0 && isQuoted(line) ? line.subarray(1) : line);
  }

  #append(line: Uint8Array): void {
    this.#sizeBytes += line.length;
    if (this.#sizeBytes > MESSAGE_BYTES_MAX) this.#message = [];
    // A copy: the chunk it is part of is the caller's to use again.
    else this.#message.push(line.slice());
  }

  *#finish(): Generator<MboxMessage> {
    const isTooLarge = this.#sizeBytes > MESSAGE_BYTES_MAX;
    if (this.#sizeBytes > 0) {
      // The empty line before the next separator belongs to the format, not to the message.
      const last = this.#message.at(-1);
      if (this.#number > 0 && this.#message.length > 1 && last !== undefined && isEmpty(last)) this.#message.pop();
      yield { number: Math.max(1, this.#number), bytes: isTooLarge ? undefined : concatBytes(...this.#message) };
    }
    this.#message = [];
    this.#sizeBytes = 0;
  }
}

/** Whether these first bytes of a file, and what follows, are several messages or may be: it begins with a separator. */
export function beginsWithSeparator(bytes: Uint8Array): boolean {
  return FROM.every((byte, index) => bytes[index] === byte);
}

export interface MboxEnvelope {
  readonly author: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** A message as it stands in an mbox, with its separator and the empty line after it. It comes in pieces of any size. */
export async function* encodeMboxMessage(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { author, receivedAt }: MboxEnvelope,
): AsyncGenerator<Uint8Array> {
  yield utf8(`From ${author.replace(/\s/g, '') || 'MAILER-DAEMON'} ${asctime(receivedAt)}\n`);
  let rest: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    const octets = rest.length === 0 ? piece : concatBytes(rest, piece);
    const end = octets.lastIndexOf(NEWLINE) + 1;
    if (end > 0) yield quoted(octets.subarray(0, end));
    rest = octets.slice(end);
  }
  if (rest.length > 0) yield concatBytes(quoted(rest), Uint8Array.of(NEWLINE));
  yield Uint8Array.of(NEWLINE);
}

/** Whole lines, of which those that could be taken for separators begin with one mark more. */
function quoted(lines: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < lines.length; ) {
    const newline = lines.indexOf(NEWLINE, at);
    const end = newline < 0 ? lines.length : newline + 1;
    const line = lines.subarray(at, end);
    if (beginsWithSeparator(line) || isQuoted(line)) {
      parts.push(lines.subarray(from, at), Uint8Array.of(QUOTE));
      from = at;
    }
    at = end;
  }
  return from === 0 && parts.length === 0 ? lines : concatBytes(...parts, lines.subarray(from));
}

/** `Thu Aug 22 12:36:23 2002`, in UTC, as RFC 4155 asks. */
function asctime(atMs: number): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(atMs).toUTCString().split(' ');
  return `${weekday.replace(',', '')} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

function isSeparator(line: Uint8Array, isFirst: boolean): boolean {
  if (!beginsWithSeparator(line)) return false;
  return isFirst || SEPARATOR.test(ascii(line.subarray(0, 512)));
}

function isEmpty(line: Uint8Array): boolean {
  return line[0] === NEWLINE || (line[0] === RETURN && line[1] === NEWLINE);
}

/** `>From `, `>>From `, …: quoted by one mark more than the message has. */
function isQuoted(line: Uint8Array): boolean {
  let marks = 0;
  while (line[marks] === QUOTE) marks++;
  return marks > 0 && beginsWithSeparator(line.subarray(marks, marks + FROM.length));
}

function ascii(bytes: Uint8Array): string {
  return fromUtf8(bytes.map((byte) => (byte < 128 ? byte : 63)));
}
