/**
 * Our reading of a message beside `mailparser`'s: header fields, subject, ids, date, addresses, the text of every part, and
 * every attachment. A difference is told with its reason where a rule explains it; nobody is right about malformed mail.
 */
import { type simpleParser as Parse, simpleParser } from 'mailparser';
import { envelopeOf } from '../../../src/jmap/mime/envelope.ts';
import { textOfPart } from '../../../src/jmap/mime/message-reading.ts';
import { type MimePart, readStructure } from '../../../src/jmap/mime/structure.ts';
import { decodeTransfer } from '../../../src/jmap/mime/transfer.ts';

type Theirs = Awaited<ReturnType<typeof Parse>>;

export interface Difference {
  readonly what: string;
  readonly ours: string;
  readonly theirs: string;
  /** Undefined if no rule explains it. */
  readonly reason: string | undefined;
}

const OPTIONS = { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true };

export async function compareReadings(raw: Uint8Array): Promise<Difference[]> {
  const theirs = await simpleParser(raw, OPTIONS);
  const structure = readStructure(raw);
  const leaves = [...leavesOf(structure)];
  const whole = wholeReason(leaves);
  const found: Difference[] = [];
  const note = (
    what: string,
    ours: string,
    other: string,
    explain: (ours: string, theirs: string) => string | undefined,
  ) => {
    if (ours !== other) found.push({ what, ours, theirs: other, reason: explain(ours, other) });
  };
  const envelope = envelopeOf(structure.headers);
  note(
    'headers',
    structure.headers.map(({ name }) => name.toLowerCase()).join(),
    theirs.headerLines.map(({ key }) => key).join(),
    none,
  );
  note('subject', flat(envelope.subject ?? ''), flat(theirs.subject ?? ''), none);
  note('messageId', envelope.messageId?.[0] ?? '', (theirs.messageId ?? '').replace(/^<|>$/g, ''), explainId);
  note(
    'date',
    String(envelope.sentAt === null ? 0 : Date.parse(envelope.sentAt)),
    String(theirs.date?.getTime() ?? 0),
    explainDate,
  );
  for (const name of ['from', 'to', 'cc'] as const) {
    const isRepeated = structure.headers.filter((field) => field.name.toLowerCase() === name).length > 1;
    note(
      name,
      (envelope[name] ?? []).map((one) => `${flat(one.name ?? '')}<${one.email}>`).join(),
      theirAddresses(theirs[name]),
      (ours, other) => (isRepeated ? 'of several fields RFC 8621 shows the last' : explainAddresses(ours, other)),
    );
  }
  const attachments = leaves
    .filter((part) => !isText(part))
    .map((part) => decoded(raw, part).length)
    .filter(isSome);
  note(
    'attachments',
    list(attachments),
    list(
      theirs.attachments
        .filter(({ contentType }) => !isTextType(contentType))
        .map(({ content }) => content.length)
        .filter(isSome),
    ),
    () => whole,
  );
  for (const difference of textDifferences(raw, leaves, theirs))
    found.push({ ...difference, reason: difference.reason ?? whole });
  return found;
}

function none(): undefined {
  return undefined;
}

function* leavesOf(part: MimePart): Generator<MimePart> {
  if (part.subParts === undefined) yield part;
  else for (const sub of part.subParts) yield* leavesOf(sub);
}

function wholeReason(leaves: readonly MimePart[]): string | undefined {
  if (leaves.some(({ type }) => type.startsWith('message/')))
    return 'mailparser opens attached messages, RFC 8621 (bodyStructure) does not';
  if (leaves.some(({ encoding }) => encoding === 'unknown'))
    return 'mailparser decodes uuencode and guesses unknown encodings; RFC 8621 (blobId) shows them as they are';
  return undefined;
}

function explainId(ours: string, theirs: string): string | undefined {
  if (theirs.startsWith(ours) && ours !== '') return 'mailparser takes everything after the id along';
  return /\s/.test(theirs) || ours === ''
    ? 'not an id: RFC 8621 (MessageIds) says null, or without white space'
    : undefined;
}

function explainDate(ours: string, theirs: string): string | undefined {
  const [mine, other] = [Number(ours), Number(theirs)];
  // The corpora are older than this test.
  if (other > Date.parse('2025-01-01T00:00:00Z')) return 'mailparser says now where it reads no date';
  if (mine === 0) return 'mailparser reads a date that is none by RFC 5322 (weeks, words, impossible hours)';
  return Math.abs(mine - other) % 900_000 === 0
    ? 'zones by name or out of range are UTC by RFC 5322, section 4.3'
    : undefined;
}

function explainAddresses(ours: string, theirs: string): string | undefined {
  if (ours.replace(/([^,<]+)<\1>/gi, '<$1>') === theirs) return 'mailparser drops a name that is the address';
  if (/<[^<>]*\s[^<>]*@/.test(ours))
    return 'white space within an address stays: mailparser makes its beginning a name';
  if (/=\?/.test(ours)) return 'an encoded word within a word or an address must not be decoded (RFC 2047, section 5)';
  if (!/<[^@<>]+@[^@<>]+>/.test(ours) || !/<[^@<>]+@[^@<>]+>/.test(theirs))
    return 'no address at all: RFC 8621 lets email be whatever stands there';
  return undefined;
}

function* textDifferences(raw: Uint8Array, leaves: readonly MimePart[], theirs: Theirs): Generator<Difference> {
  const texts = theirs.attachments
    .filter(({ contentType }) => isTextType(contentType))
    .map(({ content }) => content.toString());
  const all = [theirs.text ?? '', theirs.html || '', ...texts].map(flat).join(' ');
  const ours = leaves.filter(isText).map((part) => flat(textOfPart(raw, part).value));
  for (const text of ours)
    if (!all.includes(text)) {
      const isGuess = ascii(all).includes(ascii(text));
      const reason = isGuess ? 'octets that are not in the character set that is named' : undefined;
      yield { what: 'text', ours: text, theirs: all, reason };
    }
  const [mine, other] = [ascii(ours.join('')).length, ascii(all).length];
  if (mine !== other) yield { what: 'text length', ours: String(mine), theirs: String(other), reason: undefined };
}

function theirAddresses(field: Theirs['from']): string {
  const mailboxes = [field ?? []]
    .flat()
    .flatMap(({ value }) => value)
    .flatMap((one) => one.group ?? [one]);
  return mailboxes
    .filter(({ name, address }) => name !== '' || (address ?? '') !== '')
    .map(({ name, address }) => `${flat(name)}<${address}>`)
    .join();
}

function isText({ type }: MimePart): boolean {
  return isTextType(type);
}

function isTextType(type: string): boolean {
  return type === 'text/plain' || type === 'text/html';
}

function decoded(raw: Uint8Array, part: MimePart): Uint8Array {
  return decodeTransfer(raw.subarray(part.start, part.end), part.encoding);
}

/** mailparser leaves empty attachments out. */
function isSome(size: number): boolean {
  return size > 0;
}

function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function ascii(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, '');
}

function list(sizes: readonly number[]): string {
  return [...sizes].sort((a, b) => a - b).join();
}
