/** Creating an Email (RFC 8621, section 4.6): judged as a whole, so that a client learns everything that is wrong at once. */
import { octetsOf } from '../../blobs/blobs.ts';
import { MAIL_LIMITS } from '../../limits.ts';
import { composeMessage } from '../../mime/composer.ts';
import { parseJmapDate } from '../../mime/dates.ts';
import { spellMessageIds, spellTime } from '../../mime/header-writing.ts';
import { readMessage } from '../../mime/message-reading.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { NewEmail } from '../../store/records.ts';
import type { Call } from '../call.ts';
import { newId, type StateCondition } from '../standard/set.ts';
import { blobIdsOf, createBody } from './body-creation.ts';
import { judgeAdding, judgePresence, parseKeywords, parseMailboxIds } from './email-rules.ts';
import { createHeaders } from './header-creation.ts';
import { HEADER_SHORTHANDS } from './header-property.ts';

const SETTABLE = new Set([
  ...Object.keys(HEADER_SHORTHANDS),
  ...['mailboxIds', 'keywords', 'receivedAt', 'bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments'],
]);

export interface CreatedEmail {
  readonly id: string;
  readonly blobId: string;
  readonly threadId: string;
  readonly size: number;
}

/** Throws SetError, MethodError `stateMismatch`. */
export async function createEmail(
  call: Call,
  account: MailAccount,
  email: PlainObject,
  condition: StateCondition,
): Promise<CreatedEmail> {
  const alien = Object.keys(email).filter((name) => !SETTABLE.has(name) && !name.startsWith('header:'));
  const headers = createHeaders(email, (name) => name.startsWith('content-') || name === 'mime-version');
  const blobs = await readBlobs(call, account, email);
  const body = createBody(email, blobs, headers.names);
  const receivedAt = receivedAtOf(email.receivedAt, call);
  const invalid = [...alien, ...headers.invalid, ...body.invalid, ...(receivedAt === undefined ? ['receivedAt'] : [])];
  const mailboxIds = collect(invalid, () => parseMailboxIds(account, call, email.mailboxIds)) ?? [];
  const keywords = collect(invalid, () => parseKeywords(email.keywords ?? {})) ?? [];
  if (invalid.length > 0 || receivedAt === undefined)
    throw invalidProperties(invalid, 'these properties cannot be set so');
  if (body.missing.length > 0) throw new SetError('blobNotFound', 'blobs are not there', { notFound: body.missing });
  judgeAdding(account, mailboxIds);
  const raw = composeMessage([...headers.fields, ...generated(call, account, headers.names)], body.root, () =>
    newId(call, '='),
  );
  return storeEmail(call, account, raw, { mailboxIds, keywords, receivedAt }, condition);
}

export interface EmailPlace {
  readonly mailboxIds: readonly string[];
  readonly keywords: readonly string[];
  readonly receivedAt: number;
}

/** Keeps a message and makes it an email. */
export async function storeEmail(
  call: Call,
  account: MailAccount,
  raw: Uint8Array,
  place: EmailPlace,
  condition: StateCondition,
): Promise<CreatedEmail> {
  const email = await prepareEmail(call, account, raw, place);
  judgePresence(account, place.mailboxIds);
  condition.beforeChange();
  account.putEmails([email], 'client');
  return createdEmail(account, email);
}

/** Keeps a message that is to be an email; `kept` is a blob that has these octets, perhaps of a part or another email. */
export async function prepareEmail(
  call: Call,
  account: MailAccount,
  raw: Uint8Array,
  place: EmailPlace,
  kept?: string,
): Promise<NewEmail & { readonly blobId: string }> {
  const isKept = kept !== undefined && (await call.blobs.isStored(account.id, kept));
  const blobId = isKept ? kept : (await call.blobs.putBytes(account.id, raw, call.signal)).id;
  const reading = readMessage(raw);
  // A copy: the rest of the message goes while others of the same call are read.
  const headerBlock = new Uint8Array(reading.headerBlock);
  return { id: newId(call, 'm'), blobId, size: raw.length, ...place, ...reading, headerBlock };
}

/** What a client is told of one that is in the account now. */
export function createdEmail(
  account: MailAccount,
  { id, blobId, size }: NewEmail & { readonly blobId: string },
): CreatedEmail {
  return { id, blobId, threadId: account.threadIdOf(id) ?? '', size };
}

/** RFC 8621: without a Message-ID or Date, the server sets them. */
function generated(call: Call, account: MailAccount, names: ReadonlySet<string>): string[] {
  const domain = /@([A-Za-z0-9.-]+)$/.exec(account.record.name)?.[1] ?? 'localhost';
  return [
    ...(names.has('message-id') ? [] : [spellMessageIds('Message-ID', [`${newId(call, '')}@${domain}`])]),
    ...(names.has('date') ? [] : [spellTime('Date', { at: Math.floor(call.clock.now()), offsetMinutes: 0 })]),
  ];
}

async function readBlobs(call: Call, account: MailAccount, email: PlainObject): Promise<Map<string, Uint8Array>> {
  const blobs = new Map<string, Uint8Array>();
  let size = 0;
  for (const blobId of blobIdsOf(email)) {
    const blob = await call.blobs.open(account, blobId);
    if (blob === undefined) continue;
    // Refused before it is read where its size is known: a blob may be larger than memory.
    judgeSize(size + (blob.size ?? 0));
    const bytes = await octetsOf(blob, undefined, call.signal);
    size += bytes.length;
    judgeSize(size);
    blobs.set(blobId, bytes);
  }
  return blobs;
}

function judgeSize(size: number): void {
  const octetsMax = MAIL_LIMITS.maxSizeAttachmentsPerEmail;
  if (size > octetsMax) throw new SetError('tooLarge', `attachments have at most ${octetsMax} octets together`);
}

function receivedAtOf(value: unknown, call: Call): number | undefined {
  if (value === undefined || value === null) return Math.floor(call.clock.now() / 1000) * 1000;
  return typeof value === 'string' ? parseJmapDate(value, true)?.at : undefined;
}

/** Adds the properties that a check finds wrong, where another error would hide the rest. */
function collect<Value>(invalid: string[], parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SetError) || error.type !== 'invalidProperties') throw error;
    invalid.push(...(error.details.properties as string[]));
    return undefined;
  }
}
