/** Where letters are written: kept here at every stop, saved as drafts at the hub, sent with time to think again. */
import type { Connection } from '../jmap/connection.ts';
import type { Email, Identity } from '../jmap/objects.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import { KeptLetters } from './kept-letters.ts';
import { draftObject, EMPTY, Letter, type LetterContent } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import type { Notices } from './notices.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

export interface DeskDeps {
  readonly line: Line;
  readonly notices: Notices;
  readonly texts: Texts;
  readonly account: (id: string) => MailAccount;
  readonly primaryId: string;
  readonly own: string;
}

/** Kept in the browser after so long a pause in typing, and saved at the hub after that. */
const KEEP_AFTER_MS = 300;
const SAVE_AFTER_MS = 4_000;
/** The hub holds a message for so long, in which it can be taken back. */
const UNDO_SECONDS = 10;

interface SetAnswer {
  readonly created?: Readonly<Record<string, { readonly id: string }>> | null;
  readonly notCreated?: Readonly<Record<string, { readonly type: string; readonly description?: string }>> | null;
  readonly notUpdated?: Readonly<Record<string, { readonly type: string }>> | null;
}

export class Desk {
  letter = $state<Letter>();
  isMinimised = $state(false);
  /** By attachment: what was attached in this window. */
  readonly files = new Map<string, File>();
  readonly #deps: DeskDeps;
  readonly #kept: KeptLetters;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();
  readonly #identities = new Map<string, Identity>();

  constructor(deps: DeskDeps) {
    this.#deps = deps;
    this.#kept = new KeptLetters(deps.own);
  }

  /** What was being written when the window went away. */
  restore(): void {
    const kept = this.#kept.all();
    for (const content of kept) if (content.isQueued) void this.#deliver(content, true);
    const [last, ...others] = kept.filter(({ isQueued }) => !isQueued);
    if (last === undefined) return;
    for (const content of others) void this.#save(new Letter(content));
    this.letter = new Letter(last);
    this.letter.saveState = 'typed';
    this.#deps.notices.say(this.#deps.texts.t.restoredDraft);
    this.#saveSoon(this.letter);
  }

  async write(content: Partial<LetterContent> = {}): Promise<void> {
    await this.close();
    this.isMinimised = false;
    this.letter = new Letter({ ...EMPTY, key: crypto.randomUUID(), ...content });
  }

  /** Something was typed. */
  typed(letter: Letter): void {
    letter.saveState = 'typed';
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => this.#kept.keep(letter.content()), KEEP_AFTER_MS);
    this.#saveSoon(letter);
  }

  /** Put away; what is in it is a draft. */
  async close(): Promise<void> {
    const { letter } = this;
    this.letter = undefined;
    clearTimeout(this.#saveTimer);
    if (letter === undefined || letter.saveState !== 'typed') return;
    if (letter.isUntouched) this.#kept.drop(letter.key);
    else {
      this.#kept.keep(letter.content());
      void this.#save(letter);
    }
  }

  async discard(): Promise<void> {
    const { letter } = this;
    if (letter === undefined) return;
    const { line, notices, texts } = this.#deps;
    const { id: accountId } = this.#accountOf(letter);
    const content = letter.content();
    this.#forget(letter);
    await this.#saving;
    const { draftId } = letter;
    notices.say(texts.t.discarded, () => this.write({ ...content, draftId: undefined }));
    if (draftId !== undefined)
      await line.attempt((connection) => connection.call([['Email/set', { accountId, destroy: [draftId] }, 'set']]));
  }

  attach(letter: Letter, files: Iterable<File>): void {
    for (const file of files) {
      const { name, size, type } = file;
      letter.attachments.push({
        ...{ key: crypto.randomUUID(), name, size, type: type || 'application/octet-stream' },
        ...{ blobId: undefined, share: 0, hasFailed: false },
      });
      const attachment = letter.attachments.at(-1);
      if (attachment === undefined) continue;
      this.files.set(attachment.key, file);
      const { line } = this.#deps;
      const { id: accountId } = this.#accountOf(letter);
      const progress = (share: number): void => {
        attachment.share = share;
      };
      const never = new AbortController().signal;
      line
        .attempt((connection) => connection.upload(accountId, file, progress, never))
        .then(
          ({ blobId }) => {
            attachment.blobId = blobId;
            this.typed(letter);
          },
          () => {
            attachment.hasFailed = true;
          },
        );
    }
  }

  /** It goes from another account. What is a draft in the one before is one no more. */
  async sendFrom(letter: Letter, accountId: string): Promise<void> {
    const { line } = this.#deps;
    const { draftId } = letter;
    const before = this.#accountOf(letter).id;
    letter.accountId = accountId;
    letter.draftId = undefined;
    this.typed(letter);
    if (draftId !== undefined)
      await line.attempt((connection) =>
        connection.call([['Email/set', { accountId: before, destroy: [draftId] }, 'set']]),
      );
  }

  /** Without a line the letter waits in the browser, and goes when there is one: also after the window was closed. */
  async send(letter: Letter): Promise<void> {
    const { line, notices, texts } = this.#deps;
    letter.isSending = true;
    clearTimeout(this.#saveTimer);
    clearTimeout(this.#keepTimer);
    const content = letter.content();
    this.#kept.keep({ ...content, isQueued: true });
    if (line.state !== 'live') {
      if (this.letter === letter) this.letter = undefined;
      notices.say(texts.t.sendQueued);
      void this.#deliver(content, false);
      return;
    }
    await this.#saving;
    if (!(await this.#deliver(letter.content(), false))) letter.isSending = false;
    else if (this.letter === letter) this.letter = undefined;
  }

  /** False when the hub does not take it: then it is written on. `isAgain`: it may have been sent already. */
  async #deliver(content: LetterContent, isAgain: boolean): Promise<boolean> {
    const { notices, texts } = this.#deps;
    try {
      const sent = await this.#submit(content, isAgain);
      this.#kept.drop(content.key);
      const undo = (): Promise<void> => this.#takeBack(content, sent);
      notices.say(texts.t.sendingSoon, undo, UNDO_SECONDS * 1_000);
      return true;
    } catch (error) {
      this.#kept.keep(content);
      notices.problem(texts.t.sendFailed(error instanceof Error ? error.message : String(error)));
      if (this.letter === undefined) this.letter = new Letter(content);
      return false;
    }
  }

  async #submit(
    content: LetterContent,
    mayBeSent: boolean,
  ): Promise<{ readonly emailId: string; readonly submissionId: string | undefined }> {
    const { line } = this.#deps;
    const { id: accountId, mailboxes } = this.#accountOf(content);
    const identity = await this.#from(accountId);
    const draftsId = mailboxes.role('drafts')?.id ?? '';
    const sentId = mailboxes.role('sent')?.id ?? '';
    // The same each time: so what was sent is found.
    const messageId = `${content.key}@${hostOf(identity)}`;
    const email = draftObject(content, identity, draftsId, messageId);
    const rcptTo = [...content.to, ...content.cc, ...content.bcc].map(({ email }) => ({ email }));
    const envelope = { mailFrom: { email: identity.email, parameters: { HOLDFOR: String(UNDO_SECONDS) } }, rcptTo };
    const filed = { [`mailboxIds/${draftsId}`]: null, [`mailboxIds/${sentId}`]: true, 'keywords/$draft': null };
    let isAgain = mayBeSent;
    return line.attempt(async (connection) => {
      // The hub may have done it, and the answer was lost.
      const done = isAgain ? await this.#sentAs(connection, accountId, messageId) : undefined;
      if (done !== undefined) return { emailId: done, submissionId: undefined };
      isAgain = true;
      const submission = { identityId: identity.id, emailId: '#letter', envelope };
      const answers = await connection.call([
        ['Email/set', { accountId, create: { letter: email } }, 'email'],
        [
          'EmailSubmission/set',
          { accountId, create: { sub: submission }, onSuccessUpdateEmail: { '#sub': filed } },
          'submission',
        ],
      ]);
      const emailId = createdIn(answers.get('email') as SetAnswer, 'letter');
      const submissionId = createdIn(answers.get('submission') as SetAnswer, 'sub');
      const { answers: answered, draftId } = content;
      const destroy = draftId === undefined ? {} : { destroy: [draftId] };
      const update =
        answered === undefined ? {} : { update: { [answered.emailId]: { [`keywords/${answered.keyword}`]: true } } };
      await connection.call([['Email/set', { accountId, ...destroy, ...update }, 'after']]);
      return { emailId, submissionId };
    });
  }

  async #sentAs(connection: Connection, accountId: string, messageId: string): Promise<string | undefined> {
    const filter = { header: ['Message-ID', messageId] };
    const answers = await connection.call([['Email/query', { accountId, filter }, 'query']]);
    return (answers.get('query') as { ids?: string[] }).ids?.[0];
  }

  async #takeBack(
    content: LetterContent,
    { emailId, submissionId }: { readonly emailId: string; readonly submissionId: string | undefined },
  ): Promise<void> {
    const { line, notices, texts } = this.#deps;
    const { id: accountId } = this.#accountOf(content);
    const update = { [submissionId ?? '']: { undoStatus: 'canceled' } };
    const answers = await line.attempt((connection) =>
      connection.call([['EmailSubmission/set', { accountId, update }, 'set']]),
    );
    const { notUpdated } = answers.get('set') as SetAnswer;
    if (Object.keys(notUpdated ?? {}).length > 0) {
      notices.problem(texts.t.sendTooLate);
      return;
    }
    await this.write({ ...content, key: crypto.randomUUID(), draftId: emailId });
    if (this.letter !== undefined) this.typed(this.letter);
    notices.say(texts.t.sendUndone);
  }

  /** The email that is sent again as a draft is edited: the reader's keys for it. */
  async draftOf(email: Email, again: () => LetterContent): Promise<void> {
    if (this.letter?.draftId !== email.id) await this.write(again());
    else this.isMinimised = false;
  }

  #saveSoon(letter: Letter): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#save(letter), SAVE_AFTER_MS);
  }

  /** One after another, so that each replaces the one before. */
  #save(letter: Letter): Promise<void> {
    this.#saving = this.#saving
      .then(() => this.#saveNow(letter))
      .catch((error: unknown) => {
        letter.saveState = 'typed';
        this.#deps.notices.problem(this.#deps.texts.t.notDone(error instanceof Error ? error.message : String(error)));
      });
    return this.#saving;
  }

  async #saveNow(letter: Letter): Promise<void> {
    if (letter.isSending || letter.saveState !== 'typed') return;
    const { line } = this.#deps;
    const { id: accountId, mailboxes } = this.#accountOf(letter);
    letter.saveState = 'saving';
    const content = letter.content();
    const identity = await this.#from(accountId);
    const messageId = `${crypto.randomUUID()}@${hostOf(identity)}`;
    const draft = draftObject(content, identity, mailboxes.role('drafts')?.id ?? '', messageId);
    const destroy = content.draftId === undefined ? {} : { destroy: [content.draftId] };
    const answers = await line.attempt((connection) =>
      connection.call([['Email/set', { accountId, create: { draft }, ...destroy }, 'set']]),
    );
    letter.draftId = createdIn(answers.get('set') as SetAnswer, 'draft');
    // It may have been typed on meanwhile, which `typed` says.
    if ((letter.saveState as string) !== 'saving') return;
    letter.saveState = 'saved';
    this.#kept.drop(letter.key);
  }

  #forget(letter: Letter): void {
    clearTimeout(this.#keepTimer);
    clearTimeout(this.#saveTimer);
    this.#kept.drop(letter.key);
    letter.saveState = 'clean';
    if (this.letter === letter) this.letter = undefined;
  }

  #accountOf({ accountId }: { readonly accountId?: string | undefined }): MailAccount {
    return this.#deps.account(accountId ?? this.#deps.primaryId);
  }

  async #from(accountId: string): Promise<Identity> {
    const known = this.#identities.get(accountId);
    if (known !== undefined) return known;
    const answers = await this.#deps.line.attempt((connection) =>
      connection.call([['Identity/get', { accountId, ids: null }, 'identities']]),
    );
    const identities = listOf<Identity>(answers.get('identities'));
    const own = this.#deps.account(accountId).name.toLowerCase();
    const identity = identities.find(({ email }) => email.toLowerCase() === own) ?? identities[0];
    if (identity === undefined) throw new Error('the account has no identity to send with');
    this.#identities.set(accountId, identity);
    return identity;
  }
}

/** What stands behind the @ of message ids: no port. */
function hostOf({ email }: Identity): string {
  return email.split('@')[1]?.replace(/:.*/, '') ?? 'localhost';
}

function createdIn({ created, notCreated }: SetAnswer, name: string): string {
  const id = created?.[name]?.id;
  const refused = notCreated?.[name];
  if (id === undefined) throw new Error(refused?.description ?? refused?.type ?? 'the hub has not taken it');
  return id;
}
