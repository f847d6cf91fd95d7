/** Letters in the mailbox for drafts: saved one after another, so that each replaces the one before. */
import { createdIn, type SetAnswer } from '../jmap/set-answer.ts';
import { hostOf, type Identities } from './identities.ts';
import type { KeptLetters } from './kept-letters.ts';
import { draftObject, type Letter } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';

export interface DraftsDeps {
  readonly line: Line;
  readonly kept: KeptLetters;
  readonly identities: Identities;
  readonly accountOf: (letter: { readonly accountId: string | undefined }) => MailAccount;
  readonly onFailed: (error: unknown) => void;
}

export class Drafts {
  readonly #deps: DraftsDeps;
  #saving: Promise<void> = Promise.resolve();

  constructor(deps: DraftsDeps) {
    this.#deps = deps;
  }

  save(letter: Letter): Promise<void> {
    this.#saving = this.#saving
      .then(() => this.#saveNow(letter))
      .catch((error: unknown) => {
        letter.saveState = 'typed';
        this.#deps.onFailed(error);
      });
    return this.#saving;
  }

  /** What was begun before. */
  settled(): Promise<void> {
    return this.#saving;
  }

  async destroy({ id: accountId }: MailAccount, draftId: string): Promise<void> {
    await this.#deps.line.attempt((connection) =>
      connection.call([['Email/set', { accountId, destroy: [draftId] }, 'set']]),
    );
  }

  async #saveNow(letter: Letter): Promise<void> {
    const { accountOf, identities, kept, line } = this.#deps;
    if (letter.isOver || letter.saveState !== 'typed') return;
    const account = accountOf(letter);
    letter.saveState = 'saving';
    const content = letter.content();
    const identity = await identities.of(account);
    const messageId = `${crypto.randomUUID()}@${hostOf(identity)}`;
    const draft = draftObject(content, identity, account.mailboxes.role('drafts')?.id ?? '', messageId);
    const destroy = content.draftId === undefined ? {} : { destroy: [content.draftId] };
    const answers = await line.attempt((connection) =>
      connection.call([['Email/set', { accountId: account.id, create: { draft }, ...destroy }, 'set']]),
    );
    letter.draftId = createdIn(answers.get('set') as SetAnswer, 'draft');
    // It may have been typed on meanwhile, which `typed` says, or be in the outbox.
    if (letter.isOver || (letter.saveState as string) !== 'saving') return;
    letter.saveState = 'saved';
    // What is still on its way to the hub is only here.
    if (content.attachments.every(({ blobId }) => blobId !== undefined)) await kept.drop(letter.key);
    else await kept.keep(letter.content());
  }
}
