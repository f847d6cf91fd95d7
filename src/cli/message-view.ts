/** Messages as commands show them: the fields of a JSON line, and the columns of a list. */
import type { Client, DeliveryReport, Summary } from '../client/index.ts';
import { isDoorAddress, type PduId, parsePduId } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';
import { deliveryFields } from './delivery-view.ts';
import { ID_PREFIX_CERTAIN, ID_PREFIX_MIN } from './limits.ts';
import { isoTime, showTime } from './terminal/figures.ts';
import type { Paint } from './terminal/paint.ts';
import type { Column } from './terminal/table.ts';

/** The line of `list` and `search`. Times are ISO 8601. */
export function messageFields(summary: Summary, deliveries: readonly DeliveryReport[] = []): object {
  const { id, conversation, author, subject, sentAt, size, attachmentCount, proof, problem } = summary;
  return {
    id,
    conversation,
    from: fromOf(summary),
    to: toOf(summary),
    subject,
    sentAt: isoTime(sentAt),
    receivedAt: isoTime(receivedMs(summary)),
    size,
    unread: isUnread(summary),
    verified: isVerified(summary),
    author,
    proof,
    ...(isDoorAddress(author) ? { outside: true } : {}),
    attachments: attachmentCount,
    labels: labelsOf(summary),
    flagged: summary.keywords.includes('flagged'),
    ...(problem === undefined ? {} : { problem }),
    ...(deliveries.length === 0 ? {} : { deliveries: deliveries.map(deliveryFields) }),
  };
}

export function messageColumns(paint: Paint, now: number): Column<Summary>[] {
  const bold = (text: string, summary: Summary): string => (isUnread(summary) ? paint.bold(text) : text);
  return [
    { title: 'ID', cell: ({ id }) => id.slice(0, ID_PREFIX_CERTAIN), paint: (text) => paint.dim(text) },
    { title: '', cell: markOf, paint: (text, summary) => (isSuspicious(summary) ? paint.bad(text) : paint.warn(text)) },
    { title: 'RECEIVED', cell: (summary) => showTime(receivedMs(summary), now), align: 'right' },
    { title: 'FROM', cell: (summary) => nameOf(fromOf(summary)), flexible: 2, paint: bold },
    { title: 'SUBJECT', cell: subjectOf, flexible: 1, paint: bold },
  ];
}

/**
 * The text is the author's, by a signature that names conversation, recipients and time; and the author is whom From names:
 * of an imported message the importer is proven, not who once wrote it. What a door signs came to it in the clear.
 */
export function isVerified(summary: Summary): boolean {
  const { proof, bound, author } = summary;
  return proof === 'verified' && bound && !isDoorAddress(author) && addressIn(fromOf(summary)) === author;
}

/**
 * As the message says. Where From has no address (an imported message may lack it), it is the author, whose device signed
 * the header.
 */
export function fromOf({ from, author }: Pick<Summary, 'from' | 'author'>): string {
  return hasAddress(from) ? from : author;
}

/** As the message says, or all who received it. */
export function toOf({ to, recipients }: Pick<Summary, 'to' | 'recipients'>): readonly string[] {
  return to.every(hasAddress) ? to : recipients;
}

function hasAddress(text: string): boolean {
  return !/<>\s*$/.test(text);
}

export function isUnread({ keywords }: Pick<Summary, 'keywords'>): boolean {
  return !keywords.includes('read');
}

/** Milliseconds since 1970. */
export function receivedMs({ receivedAt }: Pick<Summary, 'receivedAt'>): number {
  return receivedAt / 1000;
}

/** A whole id, or the beginning of one. Throws CliError `not_found` or `ambiguous`. */
export async function resolveMessage(client: Client, text: string): Promise<PduId> {
  const digits = text.toLowerCase();
  if (digits.length === 64) return parsePduId(digits);
  if (!/^[0-9a-f]*$/.test(digits) || digits.length < ID_PREFIX_MIN)
    throw new CliError('not_found', `${text} is no message's id`, {
      fix: `Give at least ${ID_PREFIX_MIN} digits of one that \`restante list\` shows.`,
    });
  const found = new Set<PduId>();
  for await (const { id } of client.mail.list({ junk: true })) {
    if (!id.startsWith(digits)) continue;
    found.add(id);
    if (digits.length >= ID_PREFIX_CERTAIN || found.size > 1) break;
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw new CliError('not_found', `no message here begins with ${digits}`, {
      fix: 'Look at `restante list`, or sync.',
    });
  throw new CliError('ambiguous', `several messages begin with ${digits}`, { fix: 'Give more digits.' });
}

function labelsOf({ keywords }: Summary): string[] {
  return keywords.filter((keyword) => keyword.startsWith('label:')).map((keyword) => keyword.slice('label:'.length));
}

/** Unread, flagged, with attachments; and a warning before all. */
function markOf(summary: Summary): string {
  if (isSuspicious(summary)) return '!';
  if (summary.keywords.includes('flagged')) return '*';
  return isUnread(summary) ? '●' : '';
}

/** What should have been signed is not, or cannot be read: a person should look before believing it. */
export function isSuspicious({ proof, problem }: Summary): boolean {
  return problem !== undefined || !['verified', 'unsigned'].includes(proof);
}

function subjectOf({ subject, problem }: Summary): string {
  if (problem !== undefined) return `(cannot be opened: ${problem})`;
  return subject === '' ? '(no subject)' : subject;
}

/** `Alice` of `Alice <alice@home.example>`, else the address. */
function nameOf(from: string): string {
  return /^\s*"?([^"<]*?)"?\s*<[^<>]*>\s*$/.exec(from)?.[1] || from;
}

function addressIn(from: string): string {
  return (/<([^<>]*)>\s*$/.exec(from)?.[1] ?? from).trim().toLowerCase();
}
