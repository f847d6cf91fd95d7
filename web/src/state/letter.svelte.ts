/** A message that is being written. */
import { markupHtml } from '../format/markup.ts';
import type { Email, EmailAddress, Identity } from '../jmap/objects.ts';

export interface Attachment {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** Undefined while it is on its way. */
  blobId: string | undefined;
  /** Of what has gone to the hub, 0 to 1. */
  share: number;
  hasFailed: boolean;
}

/** What is kept of a letter, here and in the browser's store. */
export interface LetterContent {
  readonly key: string;
  /** From whom it goes; undefined: the person's own account. */
  readonly accountId: string | undefined;
  /** It is to be sent as soon as the hub can be reached. */
  readonly isQueued: boolean;
  /** The hub may have it already, as it is; so it does not change any more. */
  readonly isTried: boolean;
  readonly to: readonly EmailAddress[];
  readonly cc: readonly EmailAddress[];
  readonly bcc: readonly EmailAddress[];
  readonly subject: string;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
  readonly answers: { readonly emailId: string; readonly keyword: '$answered' | '$forwarded' } | undefined;
  /** The draft in the mailbox that this one replaces. */
  readonly draftId: string | undefined;
}

export const EMPTY: Omit<LetterContent, 'key'> = {
  accountId: undefined,
  isQueued: false,
  isTried: false,
  to: [],
  cc: [],
  bcc: [],
  subject: '',
  text: '',
  attachments: [],
  inReplyTo: null,
  references: null,
  answers: undefined,
  draftId: undefined,
};

/** Of 57 octets of a file, a line of base64 (RFC 2045, section 6.8). */
const LINE = { octets: 57, encoded: 78 };

/** About as many octets as it has as ordinary mail. */
export function ordinarySize({ attachments, text }: Pick<LetterContent, 'attachments' | 'text'>): number {
  const files = attachments.reduce((sum, { size }) => sum + size, 0);
  return Math.ceil(files / LINE.octets) * LINE.encoded + text.length;
}

export type SaveState = 'clean' | 'typed' | 'saving' | 'saved';

export class Letter {
  readonly key: string;
  accountId = $state<string>();
  to = $state.raw<readonly EmailAddress[]>([]);
  cc = $state.raw<readonly EmailAddress[]>([]);
  bcc = $state.raw<readonly EmailAddress[]>([]);
  /** What is typed into the fields and is no address yet. */
  typed = $state({ to: '', cc: '', bcc: '' });
  subject = $state('');
  text = $state('');
  attachments = $state<Attachment[]>([]);
  saveState = $state<SaveState>('clean');
  /** The browser has it as it is. */
  isKept = $state(false);
  /** It was discarded, or is in the outbox. */
  isOver = false;
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
  readonly answers: LetterContent['answers'];
  draftId: string | undefined;
  /** What it began with: nobody has written anything while it is this. */
  #begun: string;

  constructor(content: LetterContent) {
    this.key = content.key;
    this.accountId = content.accountId;
    this.to = content.to;
    this.cc = content.cc;
    this.bcc = content.bcc;
    this.subject = content.subject;
    this.text = content.text;
    this.attachments = content.attachments.map((each) => ({ ...each }));
    this.inReplyTo = content.inReplyTo;
    this.references = content.references;
    this.answers = content.answers;
    this.draftId = content.draftId;
    this.#begun = JSON.stringify(this.#words());
  }

  /** One that somebody has written in before: it is kept, even if nothing is added. */
  static again(content: LetterContent): Letter {
    const letter = new Letter(content);
    letter.#begun = '';
    letter.saveState = 'typed';
    return letter;
  }

  /** Nothing was written in it. */
  get isUntouched(): boolean {
    return this.#begun === JSON.stringify(this.#words());
  }

  content(): LetterContent {
    const { accountId, answers, bcc, cc, draftId, inReplyTo, key, references, subject, text, to } = this;
    const attachments = $state.snapshot(this.attachments);
    return {
      key,
      accountId,
      isQueued: false,
      isTried: false,
      to,
      cc,
      bcc,
      subject,
      text,
      attachments,
      inReplyTo,
      references,
      answers,
      draftId,
    };
  }

  #words(): unknown {
    const { attachments, bcc, cc, subject, text, to, typed } = this;
    return [to, cc, bcc, { ...typed }, subject, text, attachments.map(({ key }) => key)];
  }
}

/** As Email/set takes it, with the files that are at the hub. */
export function draftObject(content: LetterContent, from: Identity, draftsId: string, messageId: string): object {
  const attachments = content.attachments.filter(({ blobId }) => blobId !== undefined);
  const { bcc, cc, inReplyTo, references, subject, text, to } = content;
  return {
    mailboxIds: { [draftsId]: true },
    keywords: { $draft: true, $seen: true },
    from: [{ name: from.name || null, email: from.email }],
    ...(to.length === 0 ? {} : { to }),
    ...(cc.length === 0 ? {} : { cc }),
    ...(bcc.length === 0 ? {} : { bcc }),
    subject,
    messageId: [messageId],
    sentAt: localTime(new Date()),
    ...(inReplyTo === null ? {} : { inReplyTo }),
    ...(references === null ? {} : { references }),
    ...bodyOf(text),
    ...(attachments.length === 0
      ? {}
      : {
          attachments: attachments.map(({ blobId, name, type }) => ({ blobId, name, type, disposition: 'attachment' })),
        }),
  };
}

/** Also as HTML, when something is marked in it. */
function bodyOf(text: string): object {
  const html = markupHtml(text);
  const textBody = [{ partId: 'text', type: 'text/plain' }];
  if (html === undefined) return { bodyValues: { text: { value: text } }, textBody };
  const bodyValues = { text: { value: text }, html: { value: html } };
  return { bodyValues, textBody, htmlBody: [{ partId: 'html', type: 'text/html' }] };
}

/** With the writer's offset, as the Date field of mail has it. */
function localTime(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const two = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0');
  const local = new Date(at.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  return `${local}${minutes < 0 ? '-' : '+'}${two(minutes / 60)}:${two(Math.abs(minutes) % 60)}`;
}

/** The plain text of an email: what it says in text, or what its HTML says without its looks. */
export function textOf(email: Email): string {
  return email.textBody
    .flatMap(({ partId, type }) => {
      const value = partId === null ? undefined : email.bodyValues[partId]?.value;
      if (value === undefined) return [];
      return [type === 'text/html' ? textOfHtml(value) : value];
    })
    .join('\n');
}

const BLOCKS = 'p, div, br, li, tr, h1, h2, h3, h4, h5, h6, blockquote, pre, hr';

/** A document that was parsed runs and loads nothing. */
export function textOfHtml(html: string): string {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  for (const gone of parsed.querySelectorAll('script, style, head')) gone.remove();
  for (const block of parsed.querySelectorAll(BLOCKS)) block.prepend('\n');
  return (parsed.body.textContent ?? '')
    .replace(/[ \t]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
