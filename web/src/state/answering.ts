/** A letter that answers or passes on another. */
import { longDate } from '../format/dates.ts';
import { filesOf } from '../format/files.ts';
import { nameOf, spell } from '../format/people.ts';
import type { Email, EmailAddress } from '../jmap/objects.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import { type Attachment, EMPTY, type LetterContent, textOf } from './letter.svelte.ts';

export type AnswerKind = 'reply' | 'replyAll' | 'forward';

const REPLY = /^\s*(re|aw|antw|sv|vs|rif)\s*(\[\d+\])?:/i;
const FORWARD = /^\s*(fwd?|wg|tr)\s*:/i;

export interface AnswerBasis {
  /** The account that the email is in: the answer goes from there. */
  readonly accountId: string;
  readonly isOwn: (person: EmailAddress) => boolean;
  readonly texts: Texts;
}

export function answerTo(email: Email, kind: AnswerKind, { accountId, isOwn, texts }: AnswerBasis): LetterContent {
  const key = crypto.randomUUID();
  const subject = email.subject ?? '';
  if (kind === 'forward')
    return {
      ...EMPTY,
      ...{ key, accountId },
      subject: FORWARD.test(subject) ? subject : `Fwd: ${subject}`,
      text: forwarded(email, texts),
      attachments: filesOf(email).flatMap(passedOn),
      references: threadOf(email),
      answers: { emailId: email.id, keyword: '$forwarded' },
    };
  const author = (email.replyTo?.length ? email.replyTo : email.from) ?? [];
  // Who answers what they wrote themselves goes on with the same people.
  const to = author.every(isOwn) ? (email.to ?? []) : author;
  const others = kind === 'reply' ? [] : [...(email.to ?? []), ...(email.cc ?? [])];
  const told = new Set(to.map((person) => person.email.toLowerCase()));
  const cc = others.filter((person) => {
    const address = person.email.toLowerCase();
    if (isOwn(person) || told.has(address)) return false;
    told.add(address);
    return true;
  });
  return {
    ...EMPTY,
    ...{ key, accountId, to, cc },
    subject: REPLY.test(subject) ? subject : `Re: ${subject}`,
    text: quoted(email, texts),
    inReplyTo: email.messageId,
    references: threadOf(email),
    answers: { emailId: email.id, keyword: '$answered' },
  };
}

/** A draft, to be written on. */
export function draftAgain(email: Email, accountId: string): LetterContent {
  return {
    ...EMPTY,
    key: crypto.randomUUID(),
    accountId,
    to: email.to ?? [],
    cc: email.cc ?? [],
    bcc: email.bcc ?? [],
    subject: email.subject ?? '',
    text: textOf(email),
    attachments: filesOf(email).flatMap(passedOn),
    inReplyTo: email.inReplyTo,
    references: email.references,
    draftId: email.id,
  };
}

function threadOf(email: Email): readonly string[] | null {
  const ids = [...(email.references ?? email.inReplyTo ?? []), ...(email.messageId ?? [])];
  return ids.length === 0 ? null : [...new Set(ids)];
}

function passedOn({ blobId, name, size, type }: Email['attachments'][number]): Attachment[] {
  if (blobId === null) return [];
  return [{ key: crypto.randomUUID(), blobId, name: name ?? type, type, size, share: 1, hasFailed: false }];
}

function quoted(email: Email, { locale, t }: Texts): string {
  const who = email.from?.[0] === undefined ? '' : nameOf(email.from[0]);
  const lines = textOf(email).trimEnd().split('\n');
  const head = t.wrote(longDate(email.sentAt ?? email.receivedAt, locale), who);
  return `\n\n${head}\n${lines.map((line) => (line.startsWith('>') ? `>${line}` : `> ${line}`)).join('\n')}\n`;
}

function forwarded(email: Email, { locale, t }: Texts): string {
  const people = (list: readonly EmailAddress[] | null): string => (list ?? []).map(spell).join(', ');
  const head = [
    `${t.from}: ${people(email.from)}`,
    `${t.date}: ${longDate(email.sentAt ?? email.receivedAt, locale)}`,
    `${t.toField}: ${people(email.to)}`,
    ...(email.cc?.length ? [`${t.cc}: ${people(email.cc)}`] : []),
    `${t.subject}: ${email.subject ?? ''}`,
  ];
  return `\n\n---------- ${t.forwardedHead} ----------\n${head.join('\n')}\n\n${textOf(email)}\n`;
}
