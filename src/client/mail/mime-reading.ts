/**
 * From the bytes of a message to what lists and readers show. Mail is malformed in every way: whatever the parser does not
 * understand is shown as far as it goes, and nothing in a message can stop the ones after it.
 */
import PostalMime, { type Email, type Address as ParsedAddress } from 'postal-mime';
import { INDEXED_HEADERS_MAX, INDEXED_TEXT_CHARACTERS_MAX, SNIPPET_CHARACTERS } from '../limits.ts';
import { textOfHtml } from './html-text.ts';
import type { AttachmentInfo, MessageText } from './summary.ts';

export interface ReadMime {
  readonly text: MessageText;
  readonly snippet: string;
}

/** Never throws: a message that does not parse reads as its own bytes. Of the text, `charactersMax` are kept. */
export async function readMime(
  mime: Uint8Array,
  charactersMax: number = INDEXED_TEXT_CHARACTERS_MAX,
): Promise<ReadMime> {
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
  return {
    name: attachment.filename ?? '',
    type: attachment.mimeType,
    size: bytesOf(attachment.content).length,
  };
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
