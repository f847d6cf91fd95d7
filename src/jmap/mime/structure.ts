/**
 * The MIME tree of a message, with the exact byte range of each part's content, so that a part can be read from the raw
 * message alone. Never throws; what is malformed beyond use is a leaf with the bytes as they are.
 *
 * Does not look into attached messages (RFC 8621, section 4.1.4: bodyStructure does not recurse into them).
 */
import { MIME_DEPTH_MAX, MIME_PARTS_MAX } from '../limits.ts';
import { unfold } from './address-list.ts';
import { decodeEncodedWords } from './encoded-words.ts';
import { firstField, type HeaderField, readHeaderBlock } from './header-block.ts';
import { type ParameterizedValue, parseParameters, stripComments } from './parameters.ts';
import { parseTransferEncoding, type TransferEncoding } from './transfer.ts';

export interface MimePart {
  /** Of every part that is not multipart: the numbers IMAP would give it. */
  readonly partId: string | null;
  readonly headers: readonly HeaderField[];
  readonly type: string;
  readonly charset: string | null;
  readonly disposition: string | null;
  readonly name: string | null;
  readonly cid: string | null;
  readonly language: readonly string[] | null;
  readonly location: string | null;
  readonly encoding: TransferEncoding;
  /** Where its header begins. */
  readonly headerStart: number;
  /** The content as it stands in the message, still encoded. */
  readonly start: number;
  readonly end: number;
  readonly subParts: readonly MimePart[] | undefined;
}

export function readStructure(message: Uint8Array): MimePart {
  return new StructureReader(message).read();
}

class StructureReader {
  readonly #bytes: Buffer;
  #parts = 0;

  constructor(message: Uint8Array) {
    this.#bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }

  read(): MimePart {
    return this.#part(0, this.#bytes.length, '', 1, 'text/plain', 0);
  }

  #part(start: number, end: number, prefix: string, number: number, implicitType: string, depth: number): MimePart {
    this.#parts++;
    const { fields, bodyStart } = readHeaderBlock(this.#bytes, start, end);
    const description = describe(fields, implicitType);
    const boundary = description.boundary;
    const isMultipart = description.type.startsWith('multipart/');
    const common = { ...description.part, headers: fields, headerStart: start, start: bodyStart, end };
    const path = depth === 0 ? '' : prefix === '' ? `${number}` : `${prefix}.${number}`;
    const ranges =
      isMultipart && boundary !== undefined && boundary !== '' && depth < MIME_DEPTH_MAX
        ? this.#split(bodyStart, end, boundary)
        : [];
    if (!isMultipart)
      return { ...common, type: description.type, partId: path === '' ? '1' : path, subParts: undefined };
    // A multipart without parts is what its bytes are: text.
    if (ranges.length === 0)
      return {
        ...common,
        type: 'text/plain',
        charset: 'us-ascii',
        partId: path === '' ? '1' : path,
        subParts: undefined,
      };
    const inner = description.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    const subParts = ranges.map(([from, to], index) => this.#part(from, to, path, index + 1, inner, depth + 1));
    return { ...common, type: description.type, partId: null, subParts };
  }

  /** The ranges between delimiter lines; the line break before a delimiter belongs to it. */
  #split(start: number, end: number, boundary: string): [number, number][] {
    const delimiter = Buffer.from(`--${boundary}`);
    // Without what comes after: each of many parts may lack its delimiter.
    const bytes = this.#bytes.subarray(0, end);
    const ranges: [number, number][] = [];
    let open = -1;
    for (let at = bytes.indexOf(delimiter, start); at >= 0; ) {
      const after = at + delimiter.length;
      const next = this.#lineAfter(at, after, start, end);
      if (next === undefined) {
        at = bytes.indexOf(delimiter, at + 1);
        continue;
      }
      if (open >= 0) ranges.push([open, Math.max(open, this.#beforeLineBreak(at, start))]);
      open = next.at;
      if (next.isLast || this.#parts + ranges.length >= MIME_PARTS_MAX) return ranges;
      at = bytes.indexOf(delimiter, Math.max(next.at - 1, after));
    }
    if (open >= 0) ranges.push([open, end]); // the last delimiter is missing
    return ranges;
  }

  /** Where the line of a delimiter at `at` ends, if it is one: alone in its line but for `--` and white space. */
  #lineAfter(at: number, after: number, start: number, end: number): { at: number; isLast: boolean } | undefined {
    if (at > start && this.#bytes[at - 1] !== 10) return undefined;
    const isLast = this.#bytes[after] === 45 && this.#bytes[after + 1] === 45;
    let next = isLast ? after + 2 : after;
    while (next < end && (this.#bytes[next] === 32 || this.#bytes[next] === 9)) next++;
    if (next >= end) return { at: end, isLast };
    if (this.#bytes[next] === 13 && this.#bytes[next + 1] === 10) return { at: next + 2, isLast };
    if (this.#bytes[next] === 10) return { at: next + 1, isLast };
    return isLast ? { at: next, isLast } : undefined;
  }

  #beforeLineBreak(at: number, start: number): number {
    if (at - 1 < start || this.#bytes[at - 1] !== 10) return at;
    return at - 2 >= start && this.#bytes[at - 2] === 13 ? at - 2 : at - 1;
  }
}

type Described = Omit<MimePart, 'partId' | 'headers' | 'type' | 'headerStart' | 'start' | 'end' | 'subParts'>;

function describe(
  fields: readonly HeaderField[],
  implicitType: string,
): { type: string; boundary: string | undefined; part: Described } {
  const written = firstField(fields, 'content-type');
  const content: ParameterizedValue | undefined = written === undefined ? undefined : parseParameters(written);
  const type = /^[^\s/;]+\/[^\s/;]+$/.test(content?.value ?? '') ? (content?.value as string) : implicitType;
  const dispositionField = firstField(fields, 'content-disposition');
  const disposition = dispositionField === undefined ? undefined : parseParameters(dispositionField);
  const charset =
    content?.parameters.get('charset') ?? (type.startsWith('text/') || content === undefined ? 'us-ascii' : null);
  const encoding = firstField(fields, 'content-transfer-encoding');
  return {
    type,
    boundary: content?.parameters.get('boundary'),
    part: {
      charset,
      disposition: disposition === undefined || disposition.value === '' ? null : disposition.value,
      name: disposition?.parameters.get('filename') ?? content?.parameters.get('name') ?? null,
      cid: textField(fields, 'content-id', (text) => text.replace(/^<|>$/g, '')),
      language: languagesOf(firstField(fields, 'content-language')),
      location: textField(fields, 'content-location', (text) => text.replace(/\s+/g, '')),
      encoding: parseTransferEncoding(encoding === undefined ? undefined : parseParameters(encoding).value),
    },
  };
}

function textField(fields: readonly HeaderField[], name: string, spell: (text: string) => string): string | null {
  const value = firstField(fields, name);
  if (value === undefined) return null;
  return spell(decodeEncodedWords(stripComments(unfold(value)).trim()));
}

function languagesOf(value: string | undefined): readonly string[] | null {
  if (value === undefined) return null;
  const tags = stripComments(unfold(value))
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  return tags.length === 0 ? null : tags;
}
