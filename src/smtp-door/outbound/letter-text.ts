/**
 * The text of a letter as this home sends it on: whose it says to be is who hands it in, nobody is named in Bcc, lines end with
 * CR LF and nothing else does, and it has the two fields that RFC 5322 asks for. What is wrong otherwise is its author's.
 */
import { concatBytes, utf8 } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import { HEADER_BYTES_MAX } from './limits.ts';

export type JudgedText =
  | { readonly status: 'fine'; readonly text: Uint8Array }
  | { readonly status: 'wrong'; readonly why: string };

export interface TextOptions {
  readonly author: Address;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** With angle brackets, for a text that has none. */
  readonly messageId: string;
}

const [CR, LF, TAB, SPACE] = [13, 10, 9, 32];

export function judgeText(original: Uint8Array, options: TextOptions): JudgedText {
  const lines = new LineEnds();
  return judgeLines(concatBytes(lines.add(original), lines.end()), options);
}

/** As `judgeText`, by the first of several pieces, which has the header; the line ends of the others are for `crlfLines`. */
export function judgeFirstPiece(piece: Uint8Array, options: TextOptions): JudgedText {
  return judgeLines(new LineEnds().add(piece), options);
}

/** The text with lines that end with CR LF, each of them. */
export async function* crlfLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const lines = new LineEnds();
  for await (const piece of pieces) yield lines.add(piece);
  const end = lines.end();
  if (end.length > 0) yield end;
}

function judgeLines(text: Uint8Array, { author, messageId, now }: TextOptions): JudgedText {
  const end = headerEnd(text);
  if (end > HEADER_BYTES_MAX) return wrong(`the header has more than ${HEADER_BYTES_MAX} bytes`);
  const fields = fieldsOf(text.subarray(0, end));
  if (fields === undefined) return wrong('the header is not one of RFC 5322');
  const froms = fields.filter(({ name }) => name === 'from');
  const [from] = froms;
  if (from === undefined || froms.length > 1) return wrong('a letter has one From field');
  if (!saysOnly(from.value, author)) return wrong(`From is to name ${author} and nobody else`);
  const [sender, ...senders] = fields.filter(({ name }) => name === 'sender');
  if (senders.length > 0 || (sender !== undefined && !saysOnly(sender.value, author)))
    return wrong(`Sender is to name ${author} and nobody else`);
  const kept = fields.filter(({ name }) => !PRIVATE.has(name)).map(({ bytes }) => bytes);
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  const added = [
    ...(has('date') ? [] : [`Date: ${new Date(now).toUTCString().replace(/GMT$/, '+0000')}\r\n`]),
    ...(has('message-id') ? [] : [`Message-ID: ${messageId}\r\n`]),
  ];
  return { status: 'fine', text: concatBytes(...added.map(utf8), ...kept, text.subarray(end)) };
}

/** What is not for the world: blind copies, and what a delivery writes above a message. */
const PRIVATE: ReadonlySet<string> = new Set(['bcc', 'resent-bcc', 'return-path']);

function wrong(why: string): JudgedText {
  return { status: 'wrong', why };
}

/** Each CR, LF or CR LF is one end of a line, as the program that wrote it meant; what it becomes is CR LF. */
class LineEnds {
  /** The last octet so far; of a CR it is not known yet whether its LF follows. */
  #last: number | undefined;

  /** What is known of the text with this piece. */
  add(piece: Uint8Array): Uint8Array {
    const before = this.#last;
    if (piece.length === 0) return piece;
    this.#last = piece.at(-1);
    let missing = before === CR && piece[0] !== LF ? 1 : 0;
    for (let i = 0; i < piece.length; i++)
      if (endsAlone(piece, i) || (piece[i] === LF && (i === 0 ? before : piece[i - 1]) !== CR)) missing++;
    if (missing === 0) return piece;
    const lines = new Uint8Array(piece.length + missing);
    let at = 0;
    if (before === CR && piece[0] !== LF) lines[at++] = LF;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i] as number;
      if (byte === LF && (i === 0 ? before : piece[i - 1]) !== CR) lines[at++] = CR;
      lines[at++] = byte;
      if (endsAlone(piece, i)) lines[at++] = LF;
    }
    return lines;
  }

  /** What the last line lacks. */
  end(): Uint8Array {
    if (this.#last === LF) return NOTHING;
    return this.#last === CR ? Uint8Array.of(LF) : Uint8Array.of(CR, LF);
  }
}

const NOTHING = new Uint8Array(0);

/** A CR whose next octet is here, and is no LF. */
function endsAlone(piece: Uint8Array, index: number): boolean {
  return piece[index] === CR && index + 1 < piece.length && piece[index + 1] !== LF;
}

/** Where the body begins, with the empty line before it. */
function headerEnd(text: Uint8Array): number {
  if (text[0] === CR && text[1] === LF) return 0;
  for (let i = 0; i + 3 < text.length; i++)
    if (text[i] === CR && text[i + 1] === LF && text[i + 2] === CR && text[i + 3] === LF) return i + 2;
  return text.length;
}

interface Field {
  /** Lower case. */
  readonly name: string;
  /** Unfolded. */
  readonly value: string;
  /** As it stands there, with its end. */
  readonly bytes: Uint8Array;
}

/** Undefined: a line is no field. */
function fieldsOf(header: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = [];
  for (let from = 0; from < header.length; ) {
    let to = from;
    do {
      const end = header.indexOf(LF, to);
      to = end < 0 ? header.length : end + 1;
    } while (header[to] === SPACE || header[to] === TAB);
    const bytes = header.subarray(from, to);
    const match = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(Buffer.from(bytes).toString('latin1'));
    if (match === null) return undefined;
    const [, name = '', value = ''] = match;
    fields.push({ name: name.toLowerCase(), value: value.replace(/\r\n/g, '').trim(), bytes });
    from = to;
  }
  return fields;
}

/** Of a mailbox: one address, with or without a name. Quoted texts and comments are skipped, whatever stands in them. */
function saysOnly(value: string, author: Address): boolean {
  const bare = value.replace(/"(\\.|[^"\\])*"/g, ' ').replace(/\((\\.|[^()\\])*\)/g, ' ');
  const angled = /^[^<>@,;:]*<([^<>\s]+)>\s*$/.exec(bare);
  const address = (angled?.[1] ?? bare).trim().toLowerCase();
  return address === author;
}
