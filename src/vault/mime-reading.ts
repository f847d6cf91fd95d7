/**
 * From the bytes of a message to what lists and readers show. Mail is malformed in every way: whatever the parser does not
 * understand is shown as far as it goes, and nothing in a message can stop the ones after it.
 */
import PostalMime, { type Email, type Address as ParsedAddress } from 'postal-mime';
import { decodeManifest, MANIFEST_TYPE, type Manifest, ProtocolError } from '../protocol/index.ts';
import { textOfHtml } from './html-text.ts';
import {
  INDEXED_HEADERS_MAX,
  INDEXED_TEXT_CHARACTERS_MAX,
  MIME_BOUNDARIES_MAX,
  MIME_PARTS_MAX,
  SNIPPET_CHARACTERS,
} from './limits.ts';

export interface AttachmentInfo {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Of a large attachment: its content is not in the message. */
  readonly manifest?: Manifest;
}

/** The rest of a message, for search and for reading it without opening the body again. */
export interface MessageText {
  readonly subject: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly text: string;
  /** The text was longer than what is kept: read the body. */
  readonly truncated: boolean;
  readonly attachments: readonly AttachmentInfo[];
  readonly messageId?: string;
  readonly references: readonly string[];
}

export interface ReadMime {
  readonly text: MessageText;
  readonly snippet: string;
}

/**
 * Never throws: a message that does not parse, or has more parts than any program makes, reads as its own bytes. Of the
 * text, `charactersMax` are kept.
 */
export async function readMime(
  mime: Uint8Array,
  charactersMax: number = INDEXED_TEXT_CHARACTERS_MAX,
): Promise<ReadMime> {
  if (hasTooManyParts(mime)) return plainReading(mime, charactersMax);
  let email: Email;
  try {
    email = await PostalMime.parse(mime);
  } catch {
    return plainReading(mime, charactersMax); // the parser gives up on, say, nesting too deep: people still see the raw text
  }
  const text = email.text ?? textOfHtml(email.html ?? '');
  return reading(
    {
      subject: email.subject ?? '',
      from: email.from === undefined ? '' : spell(email.from),
      to: (email.to ?? []).flatMap(spellAll),
      cc: (email.cc ?? []).flatMap(spellAll),
      headers: email.headers.slice(0, INDEXED_HEADERS_MAX).map(({ originalKey, value }) => [originalKey, value]),
      attachments: email.attachments.map(attachmentInfo),
      references: (email.references ?? '').split(/\s+/).filter((id) => id !== ''),
      ...(email.messageId === undefined ? {} : { messageId: email.messageId }),
    },
    text,
    charactersMax,
  );
}

export interface AttachmentContent extends AttachmentInfo {
  readonly content: Uint8Array;
}

export async function readAttachments(mime: Uint8Array): Promise<AttachmentContent[]> {
  const email = await PostalMime.parse(mime);
  return email.attachments.map((attachment) => ({
    ...attachmentInfo(attachment),
    content: bytesOf(attachment.content),
  }));
}

function reading(head: Omit<MessageText, 'text' | 'truncated'>, text: string, charactersMax: number): ReadMime {
  const truncated = text.length > charactersMax;
  const kept = (truncated ? text.slice(0, charactersMax) : text).toWellFormed();
  const snippet = kept
    .slice(0, 8 * SNIPPET_CHARACTERS)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, SNIPPET_CHARACTERS);
  return { text: { ...head, text: kept, truncated }, snippet: snippet.toWellFormed() };
}

function plainReading(mime: Uint8Array, charactersMax: number): ReadMime {
  const text = new TextDecoder().decode(mime);
  return reading(
    { subject: '', from: '', to: [], cc: [], headers: [], attachments: [], references: [] },
    text,
    charactersMax,
  );
}

function attachmentInfo(attachment: Email['attachments'][number]): AttachmentInfo {
  const manifest = attachment.mimeType === MANIFEST_TYPE ? readManifest(bytesOf(attachment.content)) : undefined;
  if (manifest !== undefined) {
    const { name, type, size } = manifest;
    return { name, type, size, manifest };
  }
  return {
    name: attachment.filename ?? '',
    type: attachment.mimeType,
    size: bytesOf(attachment.content).length,
  };
}

/** One that does not read is shown as what it is: a small part of an odd type. */
function readManifest(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return undefined;
  }
}

function bytesOf(content: Email['attachments'][number]['content']): Uint8Array {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}

/** A group of addresses is its members. */
function spellAll(parsed: ParsedAddress): string[] {
  return parsed.group === undefined ? [spell(parsed)] : parsed.group.map(spell);
}

function spell(parsed: ParsedAddress): string {
  const address = parsed.address ?? '';
  return parsed.name === '' ? address : `${parsed.name} <${address}>`;
}

const BOUNDARY = /boundary\s*=\s*(?:"([^"\r\n]{1,100})"|([^\s;"]{1,100}))/gi;

/** Each part costs the parser more than its bytes: counted before, by the lines that begin with a boundary that is named. */
function hasTooManyParts(mime: Uint8Array): boolean {
  if (mime.length < MIME_PARTS_MAX * 4) return false; // `--b` and a line's end each
  const text = new TextDecoder('latin1').decode(mime);
  const boundaries = new Set<string>();
  for (const [, quoted, bare] of text.matchAll(BOUNDARY)) {
    boundaries.add((quoted ?? bare ?? '').trimEnd());
    if (boundaries.size > MIME_BOUNDARIES_MAX) return true;
  }
  if (boundaries.size === 0) return false;
  let parts = 0;
  for (let at = text.indexOf('\n--'); at >= 0; at = text.indexOf('\n--', at + 3)) {
    const end = text.indexOf('\n', at + 3);
    const line = text.slice(at + 3, end < 0 ? undefined : Math.min(end, at + 103)).trimEnd();
    if (boundaries.has(line) && ++parts > MIME_PARTS_MAX) return true;
  }
  return false;
}
