/**
 * A message taken apart at some of its parts, so that their contents go another way than the rest: a large attachment beside an
 * encrypted mail, or the octets of one that is written into its message again. Pure; the octets are views of the message.
 */
import { ATTACHMENT_NAME_CHARACTERS_MAX } from '../../protocol/index.ts';
import { bodyListsOf } from './body-lists.ts';
import { withoutField } from './header-block.ts';
import { type MimePart, readStructure } from './structure.ts';
import { createDecoder, decodedSize, decodeTransfer } from './transfer.ts';

/** The octets of a message in their order. What stands in place of a part stands after the last of its other header fields. */
export type MessagePieces<Placed> = readonly (Uint8Array | Placed)[];

/** The content of a part, decoded a little at a time. */
export interface DetachedPart {
  readonly name: string;
  readonly type: string;
  /** Octets, decoded. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Octets of an encoded content that are decoded at once. */
const DECODED_AT_ONCE = 262_144;
/** What a detached part leaves in its message: its header, and who can be found by its name. */
const LEFT_OCTETS = 4_096;

/**
 * The message without its largest parts, as many as it takes for the rest to have at most `octetsMax`. Undefined: it fits as
 * it is. Text that is read as the body stays, and what is signed or encrypted in itself stays whole.
 */
export function detachLargest(raw: Uint8Array, octetsMax: number): MessagePieces<DetachedPart> | undefined {
  if (raw.length <= octetsMax) return undefined;
  const structure = readStructure(raw);
  const { htmlBody, textBody } = bodyListsOf(structure);
  const texts = new Set([...textBody, ...htmlBody].filter(({ type }) => type.startsWith('text/')));
  const parts = [...leavesOf(structure)].filter((part) => !texts.has(part) && lengthOf(part) > LEFT_OCTETS);
  parts.sort((a, b) => lengthOf(b) - lengthOf(a));
  const detached: MimePart[] = [];
  let rest = raw.length;
  for (const part of parts) {
    if (rest <= octetsMax) break;
    rest -= lengthOf(part) - LEFT_OCTETS;
    detached.push(part);
  }
  return takenApart(
    raw,
    detached.map((part) => ({ part, placed: detachedPart(raw, part), keepsFields: true })),
  );
}

/** One that something else stands in the place of. */
export interface TakenPart<Placed> {
  readonly part: MimePart;
  readonly placed: Placed;
  /** Whether what its header says beside type and encoding stays. */
  readonly keepsFields: boolean;
}

/** The message with `placed` instead of the content of each of these parts, of its type, and of how it was encoded. */
export function takenApart<Placed>(raw: Uint8Array, parts: readonly TakenPart<Placed>[]): MessagePieces<Placed> {
  const pieces: (Uint8Array | Placed)[] = [];
  let at = 0;
  for (const { keepsFields, part, placed } of [...parts].sort((a, b) => a.part.start - b.part.start)) {
    pieces.push(raw.subarray(at, part.headerStart), ...(keepsFields ? [otherFields(raw, part)] : []), placed);
    at = part.end;
  }
  return [...pieces, raw.subarray(at)];
}

/** The parts of that type, each with its decoded content. */
export function partsOfType(
  raw: Uint8Array,
  type: string,
): { readonly part: MimePart; readonly content: Uint8Array }[] {
  const parts = [...leavesOf(readStructure(raw))].filter((part) => part.type === type);
  return parts.map((part) => ({ part, content: decodeTransfer(raw.subarray(part.start, part.end), part.encoding) }));
}

function* leavesOf(part: MimePart): Generator<MimePart> {
  if (part.subParts === undefined) yield part;
  else if (!OPAQUE.has(part.type)) for (const sub of part.subParts) yield* leavesOf(sub);
}

/** A change of what is within would break what was said of all of it (RFC 1847). */
const OPAQUE = new Set(['multipart/signed', 'multipart/encrypted']);

function lengthOf({ end, start }: MimePart): number {
  return end - start;
}

/** The header of a part without what tells its type and encoding, and without the empty line. */
function otherFields(raw: Uint8Array, { headerStart, start }: MimePart): Uint8Array {
  const header = withoutField(
    withoutField(raw.subarray(headerStart, start), 'content-type'),
    'content-transfer-encoding',
  );
  for (const empty of ['\r\n', '\n'])
    if (Buffer.from(header.subarray(-empty.length)).toString('latin1') === empty && isLineStart(header, empty.length))
      return header.subarray(0, header.length - empty.length);
  return header;
}

/** Whether the last octets are a line of their own. */
function isLineStart(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length || bytes[bytes.length - length - 1] === 10;
}

function detachedPart(raw: Uint8Array, { encoding, end, name, start, type }: MimePart): DetachedPart {
  const encoded = raw.subarray(start, end);
  return {
    name: (name ?? '').slice(0, ATTACHMENT_NAME_CHARACTERS_MAX).toWellFormed(),
    type,
    size: decodedSize(encoded, encoding),
    async *open() {
      const decoder = createDecoder(encoding);
      for (let at = 0; at < encoded.length; at += DECODED_AT_ONCE)
        yield decoder.push(encoded.subarray(at, at + DECODED_AT_ONCE));
      yield decoder.end();
    },
  };
}
