/**
 * Where letters are written: kept in the browser at every stop, saved as drafts at the hub, put into the outbox to be sent,
 * which leaves time to think again. What is done with a letter is done elsewhere; here is which one is open.
 */
import { reasonOf } from '../texts/reason.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import { Drafts } from './drafts.ts';
import { Identities } from './identities.ts';
import { KeptLetters } from './kept-letters.ts';
import { EMPTY, Letter, type LetterContent } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import type { Notices } from './notices.svelte.ts';
import { Outbox } from './outbox.svelte.ts';
import { type Sent, Submissions, UNDO_SECONDS } from './submissions.ts';
import { Uploads } from './uploads.ts';

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
/** Somebody who signs out waits for so long until what they wrote is at the hub. */
const SAVE_PATIENCE_MS = 5_000;

export class Desk {
  letter = $state<Letter>();
  isMinimised = $state(false);
  readonly outbox: Outbox;
  readonly uploads: Uploads;
  readonly #deps: DeskDeps;
  readonly #kept: KeptLetters;
  readonly #drafts: Drafts;
  readonly #submissions: Submissions;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  /** The letter that was put into the outbox last. */
  #ended: Letter | undefined;

  constructor(deps: DeskDeps) {
    const { line, notices, own, texts } = deps;
    const accountOf = (letter: { readonly accountId: string | undefined }): MailAccount => this.#accountOf(letter);
    const identities = new Identities(line);
    const kept = new KeptLetters(own);
    this.#deps = deps;
    this.#kept = kept;
    this.uploads = new Uploads({ line, kept, accountOf });
    this.#submissions = new Submissions({ line, identities, accountOf });
    const onFailed = (error: unknown): void => notices.problem(texts.t.notDone(reasonOf(error, texts.t)));
    this.#drafts = new Drafts({ line, kept, identities, accountOf, onFailed });
    const outboxDeps = {
      ...{ line, kept, submissions: this.#submissions },
      whole: (content: LetterContent) => this.#whole(content),
      onSent: (content: LetterContent, sent: Sent): void => {
        notices.say(texts.t.sendingSoon, () => this.#takeBack(content, sent), UNDO_SECONDS * 1_000);
      },
      onRefused: (content: LetterContent, why: unknown) => void this.#writeAgain(content, why),
    };
    this.outbox = new Outbox(outboxDeps, own);
  }

  /** What was being written when a window went away, and is not in another one. */
  async restore(): Promise<void> {
    void this.outbox.flush();
    const left: LetterContent[] = [];
    for (const content of await this.#kept.all())
      if (!content.isQueued && (await this.#kept.claim(content.key))) left.push(content);
    for (const [index, content] of left.entries())
      if (index < left.length - 1 || this.letter !== undefined) this.#putAway(Letter.again(content));
      else {
        await this.#reopen(content);
        this.#deps.notices.say(this.#deps.texts.t.restoredDraft);
      }
  }

  async write(content: Partial<LetterContent> = {}): Promise<void> {
    this.close();
    this.isMinimised = false;
    const letter = new Letter({ ...EMPTY, key: crypto.randomUUID(), ...content });
    await this.#kept.claim(letter.key);
    this.letter = letter;
  }

  /** Something was typed. */
  typed(letter: Letter): void {
    if (letter.isOver) return;
    letter.saveState = 'typed';
    letter.isKept = false;
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => void this.#keep(letter), KEEP_AFTER_MS);
    this.#saveSoon(letter);
  }

  /** Put away; what is in it is a draft. */
  close(): void {
    const { letter } = this;
    this.letter = undefined;
    clearTimeout(this.#saveTimer);
    clearTimeout(this.#keepTimer);
    if (letter === undefined) return;
    if (letter.saveState === 'typed' && !letter.isUntouched) this.#putAway(letter);
    else if (letter.saveState === 'typed' || letter.saveState === 'clean') void this.#kept.drop(letter.key);
  }

  async discard(): Promise<void> {
    const { letter } = this;
    if (letter === undefined) return;
    const { notices, texts } = this.#deps;
    const content = letter.content();
    this.#end(letter);
    await this.#kept.drop(letter.key);
    notices.say(texts.t.discarded, () => this.#reopen({ ...content, draftId: undefined }));
    // What is on its way may take until there is a line.
    await this.#drafts.settled();
    const { draftId } = letter;
    if (draftId !== undefined) await this.#drafts.destroy(this.#accountOf(letter), draftId);
  }

  attach(letter: Letter, files: Iterable<File>): void {
    this.uploads.attach(letter, files, () => this.typed(letter));
  }

  /** It goes from another account. What is a draft in the one before is one no more. */
  async sendFrom(letter: Letter, accountId: string): Promise<void> {
    const { draftId } = letter;
    const before = this.#accountOf(letter);
    letter.accountId = accountId;
    letter.draftId = undefined;
    this.typed(letter);
    if (draftId !== undefined) await this.#drafts.destroy(before, draftId);
  }

  /** Into the outbox. With a line it goes from there at once. */
  async send(letter: Letter): Promise<void> {
    const { line, notices, texts } = this.#deps;
    this.#end(letter);
    this.#ended = letter;
    const content = letter.content();
    try {
      await this.outbox.take(content);
      if (line.state !== 'live') notices.say(texts.t.sendQueued);
    } catch (error) {
      // The browser has no room for it: it is nowhere but here.
      await this.#writeAgain(content, error);
    }
  }

  async editWaiting(key: string): Promise<void> {
    const content = await this.outbox.takeOut(key);
    if (content !== undefined) await this.#reopen(content);
  }

  async discardWaiting(key: string): Promise<void> {
    const content = await this.outbox.takeOut(key);
    if (content === undefined) return;
    await this.#kept.drop(key);
    const { notices, texts } = this.#deps;
    notices.say(texts.t.discarded, () => this.#reopen(content));
  }

  /** The email that is sent again as a draft is edited: the reader's keys for it. */
  async draftOf(emailId: string, again: () => LetterContent): Promise<void> {
    if (this.letter?.draftId !== emailId) await this.write(again());
    else this.isMinimised = false;
  }

  /** How many letters only this device has, after what can be saved at the hub was. */
  async unsaved(): Promise<number> {
    const { letter } = this;
    if (letter?.saveState === 'typed') {
      await (letter.isUntouched ? this.#kept.drop(letter.key) : this.#keep(letter));
      if (!letter.isUntouched) void this.#drafts.save(letter);
    }
    const patience = new Promise((resolve) => setTimeout(resolve, SAVE_PATIENCE_MS));
    if (this.#deps.line.state === 'live') await Promise.race([this.#drafts.settled(), patience]);
    return (await this.#kept.all()).length;
  }

  /** Nothing stays in the browser. */
  destroy(): Promise<void> {
    this.outbox.close();
    return this.#kept.destroy();
  }

  /** A letter of before, open again: what was on its way to the hub goes on. */
  async #reopen(content: LetterContent): Promise<void> {
    this.close();
    this.isMinimised = false;
    await this.#kept.claim(content.key);
    const letter = Letter.again(content);
    this.letter = letter;
    this.typed(letter);
    await this.uploads.resume(letter, () => this.typed(letter));
  }

  /** What is being saved as a draft is known before its letter goes: it is the draft that goes away then. */
  async #whole(content: LetterContent): Promise<LetterContent> {
    await this.#drafts.settled();
    const draftId = this.#ended?.key === content.key ? this.#ended.draftId : content.draftId;
    return this.uploads.finish({ ...content, draftId });
  }

  #putAway(letter: Letter): void {
    void this.#keep(letter);
    void this.#drafts.save(letter);
  }

  async #keep(letter: Letter): Promise<void> {
    if (letter.isOver) return;
    const content = letter.content();
    try {
      await this.#kept.keep(content);
      letter.isKept = JSON.stringify(content) === JSON.stringify(letter.content());
    } catch (error) {
      const { notices, texts } = this.#deps;
      notices.problem(texts.t.notDone(reasonOf(error, texts.t)));
    }
  }

  /** It is not written on any more. */
  #end(letter: Letter): void {
    clearTimeout(this.#keepTimer);
    clearTimeout(this.#saveTimer);
    letter.isOver = true;
    this.uploads.stop(letter.key);
    if (this.letter === letter) this.letter = undefined;
  }

  async #writeAgain(content: LetterContent, why: unknown): Promise<void> {
    const { notices, texts } = this.#deps;
    notices.problem(texts.t.sendFailed(reasonOf(why, texts.t)));
    if (this.letter === undefined) await this.#reopen(content);
    else this.#putAway(Letter.again(content));
  }

  async #takeBack(content: LetterContent, sent: Sent): Promise<void> {
    const { notices, texts } = this.#deps;
    if (!(await this.#submissions.cancel(content, sent))) {
      notices.problem(texts.t.sendTooLate);
      return;
    }
    await this.#reopen({ ...content, key: crypto.randomUUID(), draftId: sent.emailId });
    notices.say(texts.t.sendUndone);
  }

  #saveSoon(letter: Letter): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#drafts.save(letter), SAVE_AFTER_MS);
  }

  #accountOf({ accountId }: { readonly accountId?: string | undefined }): MailAccount {
    return this.#deps.account(accountId ?? this.#deps.primaryId);
  }
}
