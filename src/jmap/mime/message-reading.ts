/** From the raw bytes of a message to what a MailStore keeps of it: header, preview, text to search, attachments or none. */
import { INDEXED_CHARACTERS_MAX, PREVIEW_CHARACTERS_MAX } from '../limits.ts';
import { bodyListsOf, hasAttachment } from './body-lists.ts';
import { decodeCharset } from './charset.ts';
import { attributeTextOf, textOfHtml } from './html-text.ts';
import { type MimePart, readStructure } from './structure.ts';
import { decodeTransfer } from './transfer.ts';

export interface MessageReading {
  /** The raw header, up to and without the empty line. */
  readonly headerBlock: Uint8Array;
  readonly preview: string;
  readonly hasAttachment: boolean;
  /** What full-text search sees of the body. */
  readonly text: string;
}

/** Never throws. */
export function readMessage(raw: Uint8Array): MessageReading {
  const structure = readStructure(raw);
  const lists = bodyListsOf(structure);
  let text = '';
  let attributes = '';
  for (const part of lists.textBody) {
    if (text.length >= INDEXED_CHARACTERS_MAX) break;
    const value = textBeginning(raw, part);
    if (part.type === 'text/plain') text += `${value}\n`;
    if (part.type === 'text/html') {
      text += `${textOfHtml(value)}\n`;
      attributes += `${attributeTextOf(value)}\n`;
    }
  }
  return {
    headerBlock: raw.subarray(0, structure.start),
    preview: previewOf(text),
    hasAttachment: hasAttachment(lists),
    text: withAttachmentNames(text + attributes, lists.attachments)
      .slice(0, INDEXED_CHARACTERS_MAX)
      .toWellFormed(),
  };
}

export interface PartText {
  readonly value: string;
  readonly isEncodingProblem: boolean;
}

/** The text of a part with lines that end in LF (RFC 8621, section 4.1.4, EmailBodyValue). */
export function textOfPart(raw: Uint8Array, part: MimePart): PartText {
  const bytes = decodeTransfer(raw.subarray(part.start, part.end), part.encoding);
  const charset = part.charset ?? undefined;
  const { text, hasProblem } = decodeCharset(bytes, charset);
  return {
    value: text.includes('\r') ? text.replaceAll('\r\n', '\n') : text,
    isEncodingProblem: hasProblem || part.encoding === 'unknown',
  };
}

/** Only the beginning of a long part: what is indexed ends there too. */
function textBeginning(raw: Uint8Array, part: MimePart): string {
  return textOfPart(raw, { ...part, end: Math.min(part.end, part.start + 4 * INDEXED_CHARACTERS_MAX) }).value;
}

function withAttachmentNames(text: string, attachments: readonly MimePart[]): string {
  const names = attachments.flatMap(({ name }) => (name === null ? [] : [name]));
  return names.length === 0 ? text : `${text.slice(0, INDEXED_CHARACTERS_MAX / 2)}\n${names.join('\n')}`;
}

const QUOTE_OR_RULE = /^\s*(?:>|[-_=*]{4,}\s*$)/;

/** Without quoted lines where there are others, white space collapsed. */
export function previewOf(text: string): string {
  const head = text.slice(0, 20 * PREVIEW_CHARACTERS_MAX);
  const own = head
    .split('\n')
    .filter((line) => !QUOTE_OR_RULE.test(line))
    .join(' ');
  const preview = collapse(own) || collapse(head);
  return preview.slice(0, PREVIEW_CHARACTERS_MAX).toWellFormed();
}

function collapse(text: string): string {
  return text.replace(/(?:\s|[\u200b-\u200f\ufeff\u00ad]|\u034f)+/g, ' ').trim();
}
