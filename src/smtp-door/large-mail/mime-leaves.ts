/**
 * The parts of a message that could go another way than the rest: attachments in base64, each with the exact range of its octets.
 * Lines end with CR LF here, which the door has seen to. What is signed or encrypted in itself stays whole (RFC 1847), and so do
 * attached messages. Of mail that is malformed fewer parts are found, or none.
 */
import { decodeWords } from 'postal-mime';
import { fieldText, type HeaderField, splitMessage } from '../header-fields.ts';
import { MIME_DEPTH_MAX, MIME_LEAVES_MAX } from '../limits.ts';

export interface MimeLeaf {
  /** Where its header begins … */
  readonly from: number;
  /** … where its content does, after the empty line … */
  readonly start: number;
  /** … and ends, before the line end that belongs to the boundary. */
  readonly end: number;
  /** Media type, in lower case. */
  readonly type: string;
  readonly name: string;
  /** Of its header, but for the type and the encoding of its content. */
  readonly otherFields: readonly HeaderField[];
}

interface Range {
  readonly from: number;
  readonly to: number;
}

const OPAQUE = /^multipart\/(signed|encrypted)$|^message\//;
const EMPTY_LINE = 2;

export function attachmentsIn(message: Buffer): readonly MimeLeaf[] {
  const found: MimeLeaf[] = [];
  read(message, { from: 0, to: message.length }, 0, found);
  return found;
}

function read(message: Buffer, { from, to }: Range, depth: number, found: MimeLeaf[]): void {
  const { fields, rest } = splitMessage(message.subarray(from, to));
  if (rest.length < EMPTY_LINE || found.length >= MIME_LEAVES_MAX) return;
  const start = to - rest.length + EMPTY_LINE;
  const content = lastField(fields, 'content-type');
  const type = /^[^\s;]+/.exec(content)?.[0]?.toLowerCase() ?? 'text/plain';
  if (OPAQUE.test(type) || depth > MIME_DEPTH_MAX) return;
  if (type.startsWith('multipart/')) {
    const boundary = parameter(content, 'boundary');
    if (boundary === undefined) return;
    for (const range of partsOf(message, { from: start, to }, boundary)) read(message, range, depth + 1, found);
    return;
  }
  const disposition = lastField(fields, 'content-disposition');
  const isText = type.startsWith('text/') && !/^attachment\b/i.test(disposition);
  // The message itself is no part of it: its header stays what it is.
  if (depth === 0 || isText || lastField(fields, 'content-transfer-encoding').toLowerCase() !== 'base64') return;
  const name = nameIn(disposition, 'filename') ?? nameIn(content, 'name') ?? '';
  const otherFields = fields.filter((field) => !TOLD_BY_MANIFEST.has(field.name));
  found.push({ from, start, end: to, type, name, otherFields });
}

const TOLD_BY_MANIFEST = new Set(['content-type', 'content-transfer-encoding']);

/** Between the delimiter lines; a part whose end is missing is none. */
function partsOf(message: Buffer, { from, to }: Range, boundary: string): readonly Range[] {
  const parts: Range[] = [];
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  let opened: number | undefined;
  // The first delimiter may follow the header's empty line at once, whose line end is then its own.
  for (
    let at = message.indexOf(delimiter, from - EMPTY_LINE);
    at >= 0 && at < to;
    at = message.indexOf(delimiter, at)
  ) {
    const after = message.toString(
      'latin1',
      at + delimiter.length,
      Math.min(to, at + delimiter.length + LINE_LOOKED_AT),
    );
    const [line, closing] = /^(--)?[ \t]*(?:\r\n|$)/.exec(after) ?? [];
    at += EMPTY_LINE;
    if (line === undefined) continue;
    if (opened !== undefined) parts.push({ from: opened, to: at - EMPTY_LINE });
    if (closing !== undefined || parts.length >= MIME_LEAVES_MAX) return parts;
    opened = at + delimiter.length - EMPTY_LINE + line.length;
  }
  return parts;
}

/** White space that a delimiter line may have at its end. */
const LINE_LOOKED_AT = 80;

/** Programs differ about which of several counts; with two of them nothing is read here. */
function lastField(fields: readonly HeaderField[], name: string): string {
  const [field, ...others] = fields.filter((one) => one.name === name);
  return field === undefined || others.length > 0 ? '' : fieldText(field);
}

function parameter(value: string, name: string): string | undefined {
  const [, quoted, token] =
    new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]+))`, 'i').exec(value) ?? [];
  return quoted?.replace(/\\(.)/g, '$1') ?? token;
}

/** For people: in the spellings of RFC 2231, in pieces too, and in that of RFC 2047, which many use here. */
function nameIn(value: string, name: string): string | undefined {
  const plain = parameter(value, name);
  if (plain !== undefined) return decodeWords(plain);
  const pieces = [
    ...value.matchAll(new RegExp(`;\\s*${name}\\*(?:\\d+\\*?)?\\s*=\\s*(?:"([^"]*)"|([^\\s;"]+))`, 'gi')),
  ];
  if (pieces.length === 0) return undefined;
  const text = pieces.map(([, quoted, token = '']) => quoted ?? token).join('');
  try {
    return decodeURIComponent(text.replace(/^[^']*'[^']*'/, ''));
  } catch {
    return text; // another character set than UTF-8
  }
}
