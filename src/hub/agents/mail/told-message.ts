/** A message of the client library as JMAP wants it: keywords, folders, and what its bytes say. Pure. */
import { utf8 } from '../../../base/index.ts';
import { DELETED, FLAGGED, foldersOf, isFiling, JUNK, READ, type Summary } from '../../../client/index.ts';
import { readMessage } from '../../../jmap/mime/index.ts';
import { type Address, isDoorAddress } from '../../../protocol/index.ts';
import type { MessageContent, ToldMessage } from './mail-protocol.ts';

/** Keywords that devices spell otherwise than JMAP. */
const SPELLINGS: readonly (readonly [ours: string, jmap: string])[] = [
  [READ, '$seen'],
  [FLAGGED, '$flagged'],
  ['draft', '$draft'],
  ['answered', '$answered'],
  ['forwarded', '$forwarded'],
];
const OTHER = 'keyword:';

export function toldMessage(summary: Summary, own: Address): ToldMessage {
  const { author, conversation, id, keywords, receivedAt, recipients, size } = summary;
  // Mail from outside too: a door begins a conversation with each, and what it answers stands in its header.
  const isAlone = isDoorAddress(author) || (author === own && recipients.every((address) => address === own));
  return {
    pdu: id,
    conversation: isAlone ? undefined : conversation,
    receivedAt: Math.floor(receivedAt / 1000),
    size,
    keywords: jmapKeywords(summary, own),
    folders: foldersOf(summary, own),
    isDeleted: keywords.includes(DELETED),
  };
}

/** What is said by a register of the client library for a keyword of JMAP. */
export function ownKeyword(jmap: string): string {
  return SPELLINGS.find(([, spelling]) => spelling === jmap)?.[0] ?? `${OTHER}${jmap}`;
}

export function contentOf(mime: Uint8Array): MessageContent {
  const { hasAttachment, headerBlock, preview, text } = readMessage(mime);
  // A copy: the bytes are sent on, and not all of the message with them.
  return { headerBlock: headerBlock.slice(), hasAttachment, preview, text };
}

/** Of a message whose body cannot be opened, or is not here any more: what its signed header says. */
export function contentWithoutBody({ author, problem, recipients, sentAt }: Summary): MessageContent {
  const why = problem === undefined ? 'the body is not kept any more' : `it cannot be opened: ${problem}`;
  const header = [
    `From: <${author}>`,
    `To: ${recipients.map((address) => `<${address}>`).join(', ')}`,
    `Date: ${new Date(sentAt).toUTCString().replace('GMT', '+0000')}`,
    `Subject: (${why})`,
    '',
  ];
  return { headerBlock: utf8(header.join('\r\n')), hasAttachment: false, preview: why, text: '' };
}

function jmapKeywords({ author, keywords, recipients }: Summary, own: Address): string[] {
  const spelled = keywords.flatMap((keyword) => {
    if (isFiling(keyword) || keyword === DELETED || keyword === JUNK) return [];
    const known = SPELLINGS.find(([ours]) => ours === keyword);
    if (known !== undefined) return [known[1]];
    return keyword.startsWith(OTHER) ? [keyword.slice(OTHER.length)] : [];
  });
  // Nobody has to read what they wrote.
  const isSent = author === own && recipients.some((address) => address !== own);
  return isSent && !spelled.includes('$seen') ? [...spelled, '$seen'] : spelled;
}
