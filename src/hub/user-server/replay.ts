/**
 * What was changed here is done by the account's agent, in the order in which it was changed. A change is settled when the
 * agent has it on its disk, or, where it has none, when the home has it. What fails is tried again, alone with what was
 * changed of the same object since; the rest goes on.
 */
import { type Clock, isAbort, type Log } from '../../base/index.ts';
import type { FolderWords } from '../../client/index.ts';
import type { BlobStore, MailboxRecord, MailStore, PendingChange, PendingKind } from '../../jmap/index.ts';
import { type FolderId, isLabel } from '../../protocol/index.ts';
import { PENDING_BATCH, REPLAY_CEILING_MS, REPLAY_FIRST_MS } from '../agents/limits.ts';
import type { MailAgentCalls, Outcome } from '../agents/mail/mail-protocol.ts';
import { HubError } from '../hub-error.ts';
import type { EncryptedAccount } from './encrypted-account.ts';

/** Asks the account's agent, which may have to be started first. */
export type AskAgent = <Name extends keyof MailAgentCalls & string>(
  name: Name,
  request: MailAgentCalls[Name]['request'],
  signal: AbortSignal,
) => Promise<MailAgentCalls[Name]['reply']>;

export interface ReplayDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: MailStore;
  readonly blobs: BlobStore;
  readonly encrypted: EncryptedAccount;
  readonly ask: AskAgent;
}

export interface ReplayOptions {
  /** Whether what the agent has done survives its end. */
  readonly isAgentDurable: boolean;
}

type EmailCreate = Extract<PendingKind, { readonly kind: 'emailCreate' }>;

export class Replay {
  readonly #deps: ReplayDeps;
  readonly #isAgentDurable: boolean;
  #wake: () => void = () => undefined;

  constructor(deps: ReplayDeps, options: ReplayOptions) {
    this.#deps = deps;
    this.#isAgentDurable = options.isAgentDurable;
  }

  /** Something may be pending. */
  wake(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    let waitMs = REPLAY_FIRST_MS;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const outcome = await this.#playBatch(signal);
      if (outcome === 'empty') await woken;
      if (outcome !== 'failed') waitMs = REPLAY_FIRST_MS;
      else {
        await this.#deps.clock.sleep(waitMs, signal);
        waitMs = Math.min(2 * waitMs, REPLAY_CEILING_MS);
      }
    }
  }

  async #playBatch(signal: AbortSignal): Promise<'empty' | 'done' | 'failed'> {
    const { encrypted, log, store } = this.#deps;
    const pending = encrypted.account.pending(PENDING_BATCH);
    if (pending.length === 0) return 'empty';
    const done: number[] = [];
    const failed = new Set<string>();
    for (const change of pending) {
      if (failed.has(change.object)) continue;
      try {
        await this.#play(change, signal);
        done.push(change.seq);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        const { kind } = change.change;
        if (isFinal(error)) {
          log.error({ err: error, kind }, 'a change can never be done at the home and is given up');
          done.push(change.seq);
          continue;
        }
        const isExpected = error instanceof HubError && error.retry === 'later';
        log[isExpected ? 'info' : 'warn']({ err: error, kind }, 'a change cannot be done now and is tried again');
        failed.add(change.object);
      }
    }
    if (done.length > 0) {
      // Else all of them are done once more: for whoever has done them that is nothing.
      if (!(await this.#isSafe(signal))) return 'failed';
      encrypted.account.settle(done);
      await store.flush();
    }
    return failed.size > 0 ? 'failed' : 'done';
  }

  /** Whether what the agent has done so far survives its end. */
  async #isSafe(signal: AbortSignal): Promise<boolean> {
    if (this.#isAgentDurable) return true;
    try {
      await this.#deps.ask('flush', {}, signal);
      return true;
    } catch (error) {
      if (isAbort(error, signal) || !(error instanceof HubError)) throw error;
      this.#deps.log.info({ err: error }, 'the home does not have what was changed here yet');
      return false;
    }
  }

  async #play({ change, object }: PendingChange, signal: AbortSignal): Promise<void> {
    const { ask, encrypted } = this.#deps;
    const { account, folders } = encrypted;
    switch (change.kind) {
      case 'emailCreate':
        await this.#create(object, change, signal);
        return;
      case 'emailUpdate': {
        const pdu = encrypted.pduOf(object);
        if (pdu === undefined) return; // never left, and was destroyed before it could
        const { added, removed } = change.mailboxes;
        const difference = { added: this.#foldersOf(added), removed: this.#foldersOf(removed) };
        known(await ask('update', { pdu, keywords: change.keywords, folders: difference }, signal));
        return;
      }
      case 'emailDestroy': {
        const pdu = encrypted.pduOf(object);
        if (pdu !== undefined) known(await ask('delete', { pdu }, signal));
        return;
      }
      case 'mailboxCreate':
      case 'mailboxUpdate': {
        const mailbox = account.mailbox(object);
        if (mailbox === undefined) return; // destroyed since
        const id = folders.adopt(mailbox);
        await ask('describeFolder', { id, words: wordsOf(id, mailbox, this.#foldersOf([mailbox.parentId])) }, signal);
        return;
      }
      case 'mailboxDestroy': {
        const id = folders.folderOf(object);
        if (id !== undefined && isLabel(id)) await ask('removeFolder', { id }, signal);
        return;
      }
    }
  }

  async #create(emailId: string, change: EmailCreate, signal: AbortSignal): Promise<void> {
    const { ask, blobs, encrypted } = this.#deps;
    const { account } = encrypted;
    const { blobId, keywords, mailboxIds } = change;
    const isDestroyed = account
      .pending(Number.MAX_SAFE_INTEGER)
      .some((other) => other.object === emailId && other.change.kind === 'emailDestroy');
    if (isDestroyed || encrypted.pduOf(emailId) !== undefined) return;
    const size = blobId === null ? undefined : await blobs.size(account.id, blobId);
    if (size === undefined || blobId === null)
      throw new HubError('malformed', 'the bytes of a message that was made here are gone');
    const chunks: Uint8Array[] = [];
    for await (const chunk of blobs.read(account.id, blobId, { start: 0, end: size })) chunks.push(chunk);
    const mime = new Uint8Array(Buffer.concat(chunks));
    const { pdu } = await ask(
      'create',
      { key: `create ${emailId}`, mime, keywords, folders: this.#foldersOf(mailboxIds) },
      signal,
    );
    encrypted.created(emailId, pdu);
  }

  /** A mailbox that was destroyed since has no folder any more. */
  #foldersOf(mailboxIds: readonly (string | null)[]): FolderId[] {
    const { account, folders } = this.#deps.encrypted;
    return mailboxIds.flatMap((id) => {
      if (id === null) return [];
      const known = folders.folderOf(id);
      if (known !== undefined) return [known];
      const mailbox = account.mailbox(id);
      return mailbox === undefined ? [] : [folders.adopt(mailbox)];
    });
  }
}

function wordsOf(
  id: FolderId,
  { isSubscribed, name, role, sortOrder }: MailboxRecord,
  [parent]: readonly FolderId[],
): FolderWords {
  const ofLabel = isLabel(id) ? { role: role ?? '', isThere: true } : {};
  return { name, parent: parent ?? '', sortOrder, isSubscribed, ...ofLabel };
}

/** Throws HubError `absent` for a message that is still to come: an agent without a disk has fetched it first. */
function known({ status }: Outcome): void {
  if (status === 'later') throw new HubError('absent', 'the message is not fetched yet', { retry: 'later' });
}

/** Whether trying again can never help. */
function isFinal(error: unknown): boolean {
  return error instanceof HubError && (error.code === 'too_large' || error.code === 'malformed');
}
