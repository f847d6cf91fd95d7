/**
 * A message with everything that belongs to it in its place, whatever its size: as it leaves by ordinary mail, where nothing can
 * travel beside it. Its length is known before, and it is read a little at a time.
 */
import { Chunks, utf8 } from '../../base/index.ts';
import { type AttachmentSource, chunksOf } from '../attachments/source.ts';
import { contentHeader } from './mime-message.ts';
import { base64Length, base64Lines, LINE_OCTETS } from './mime-text.ts';

/**
 * A message of another program: its octets or, where it is larger than a mail may be, the octets around its large attachments
 * and these in their places, each after the last of the other fields of its part's header.
 */
export type RawMime = Uint8Array | readonly (Uint8Array | AttachmentSource)[];

export interface WholeText {
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/** Octets that become base64 at once: whole lines. */
const ENCODED_AT_ONCE = 4_096 * LINE_OCTETS;

export function wholeText(...texts: readonly (RawMime | WholeText)[]): WholeText {
  const pieces = texts.flatMap((text) => (text instanceof Uint8Array || 'open' in text ? [text] : [...text]));
  return {
    size: pieces.reduce((sum, piece) => sum + lengthOf(piece), 0),
    open: async function* () {
      for (const piece of pieces)
        if (piece instanceof Uint8Array) yield piece;
        else if (isSource(piece)) yield* encodedPart(piece);
        else yield* piece.open();
    },
  };
}

/** Octets as lines of base64, made as they are read. */
export function base64Text(octets: Uint8Array): WholeText {
  return {
    size: base64Length(octets.length),
    open: async function* () {
      for (let from = 0; from < octets.length; from += ENCODED_AT_ONCE)
        yield utf8(`${from === 0 ? '' : '\r\n'}${base64Lines(octets.subarray(from, from + ENCODED_AT_ONCE))}`);
    },
  };
}

/** All of it in memory. */
export async function octetsOf(text: WholeText): Promise<Uint8Array> {
  const octets = new Uint8Array(text.size);
  let at = 0;
  for await (const piece of text.open()) {
    octets.set(piece, at);
    at += piece.length;
  }
  return octets;
}

function lengthOf(piece: Uint8Array | AttachmentSource | WholeText): number {
  if (piece instanceof Uint8Array) return piece.length;
  return isSource(piece) ? headerOf(piece).length + base64Length(piece.size) : piece.size;
}

/** A content that becomes a part; anything else stands as it is. */
function isSource(piece: AttachmentSource | WholeText): piece is AttachmentSource {
  return 'name' in piece;
}

/** Throws as `chunksOf`. */
async function* encodedPart(source: AttachmentSource): AsyncGenerator<Uint8Array> {
  yield headerOf(source);
  const lines = new Chunks(ENCODED_AT_ONCE);
  let isFirst = true;
  const encode = (octets: Uint8Array): Uint8Array => {
    const text = `${isFirst ? '' : '\r\n'}${base64Lines(octets)}`;
    isFirst = false;
    return utf8(text);
  };
  for await (const chunk of chunksOf(source)) for (const octets of lines.add(chunk)) yield encode(octets);
  if (lines.rest.length > 0) yield encode(lines.rest);
}

function headerOf({ name, type }: AttachmentSource): Uint8Array {
  return utf8(contentHeader(type, name));
}
