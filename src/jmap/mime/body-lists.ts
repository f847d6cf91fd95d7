/** Which parts are the body and which are attachments: the algorithm that RFC 8621, section 4.1.4, suggests. */
import type { MimePart } from './structure.ts';

export interface BodyLists {
  readonly textBody: readonly MimePart[];
  readonly htmlBody: readonly MimePart[];
  readonly attachments: readonly MimePart[];
}

export function bodyListsOf(structure: MimePart): BodyLists {
  const lists = { textBody: [], htmlBody: [], attachments: [] };
  decompose([structure], 'mixed', false, lists);
  return lists;
}

/** A client should offer something to download, other than what the body shows itself. */
export function hasAttachment({ attachments }: BodyLists): boolean {
  return attachments.some(({ disposition }) => disposition !== 'inline');
}

export function isInlineMedia(type: string): boolean {
  return type.startsWith('image/') || type.startsWith('audio/') || type.startsWith('video/');
}

/** The lists that parts go to: within an alternative that has one text already, the other list is closed. */
interface OpenLists {
  readonly textBody: MimePart[] | undefined;
  readonly htmlBody: MimePart[] | undefined;
  readonly attachments: MimePart[];
}

function decompose(parts: readonly MimePart[], multipart: string, inAlternative: boolean, lists: OpenLists): void {
  let { textBody, htmlBody } = lists;
  const { attachments } = lists;
  const textLength = textBody?.length ?? -1;
  const htmlLength = htmlBody?.length ?? -1;
  for (const [index, part] of parts.entries()) {
    if (part.subParts !== undefined) {
      const inner = part.type.slice('multipart/'.length);
      decompose(part.subParts, inner, inAlternative || inner === 'alternative', { textBody, htmlBody, attachments });
    } else if (!isShownInline(part, index, multipart)) attachments.push(part);
    else if (multipart === 'alternative') {
      if (part.type === 'text/plain' && textBody !== undefined) textBody.push(part);
      else if (part.type === 'text/html' && htmlBody !== undefined) htmlBody.push(part);
      else attachments.push(part);
    } else {
      if (inAlternative && part.type === 'text/plain') htmlBody = undefined;
      if (inAlternative && part.type === 'text/html') textBody = undefined;
      textBody?.push(part);
      htmlBody?.push(part);
      if ((textBody === undefined || htmlBody === undefined) && isInlineMedia(part.type)) attachments.push(part);
    }
  }
  if (multipart !== 'alternative' || textBody === undefined || htmlBody === undefined) return;
  if (textLength === textBody.length && htmlLength !== htmlBody.length) textBody.push(...htmlBody.slice(htmlLength));
  else if (htmlLength === htmlBody.length && textLength !== textBody.length)
    htmlBody.push(...textBody.slice(textLength));
}

function isShownInline({ type, disposition, name }: MimePart, index: number, multipart: string): boolean {
  if (disposition === 'attachment') return false;
  if (type !== 'text/plain' && type !== 'text/html' && !isInlineMedia(type)) return false;
  return index === 0 || (multipart !== 'related' && (isInlineMedia(type) || name === null || name === ''));
}
