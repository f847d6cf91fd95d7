/**
 * An encrypted account in the store: takes over what its agent tells, with what is pending here on top. An email's id is made
 * of its PDU's, so it is the same whenever the store is filled again; one that was made here keeps the id it got.
 */
import type { Log } from '../../base/index.ts';
import {
  COMPLETENESS_ID,
  type Completeness,
  type MailAccount,
  type MailStore,
  noteDelivery,
} from '../../jmap/index.ts';
import { type FolderId, isLabel } from '../../protocol/index.ts';
import type { Handlers } from '../agents/line.ts';
import type {
  AgentStatus,
  ToldCalls,
  ToldDelivery,
  ToldFolder,
  ToldMessage,
  WholeMessage,
} from '../agents/mail/mail-protocol.ts';
import { deliveryStatusOf } from './delivery-status.ts';
import { submissionOfKey } from './encrypted-submitter.ts';
import { FolderMap } from './folder-map.ts';

export interface EncryptedAccountDeps {
  readonly store: MailStore;
  readonly log: Log;
  readonly onStatus: (status: AgentStatus) => void;
}

export class EncryptedAccount {
  readonly account: MailAccount;
  readonly folders: FolderMap;
  readonly #deps: EncryptedAccountDeps;

  private constructor(deps: EncryptedAccountDeps, account: MailAccount) {
    this.#deps = deps;
    this.account = account;
    this.folders = new FolderMap(account);
  }

  /** Makes it in the store if it is not there. */
  static open(
    deps: EncryptedAccountDeps,
    options: { readonly id: string; readonly address: string },
  ): EncryptedAccount {
    const { address: name, id } = options;
    const { store } = deps;
    const account =
      store.account(id) ?? store.putAccount({ id, name, isPersonal: true, isReadOnly: false, kind: 'encrypted' });
    const encrypted = new EncryptedAccount(deps, account);
    store.transact(() => encrypted.folders.ensureRoles());
    return encrypted;
  }

  /** Answers the account's agent: what it is told is as durable as the cache before it hears so. */
  handlers(): Handlers<ToldCalls> {
    const { store } = this.#deps;
    const durably = async <Result>(work: () => Result): Promise<Result> => {
      const result = store.transact(work);
      await store.flush();
      return result;
    };
    return {
      messages: ({ messages }) => durably(() => ({ wanted: this.#takeMessages(messages) })),
      contents: async ({ messages }) => {
        await durably(() => this.#takeContents(messages));
        return {};
      },
      folders: async ({ folders }) => {
        await durably(() => this.#takeFolders(folders));
        return {};
      },
      report: async (said) => {
        await durably(() => this.#takeReport(said));
        return {};
      },
      deliveries: ({ deliveries }) => durably(() => ({ isLater: !this.#takeDeliveries(deliveries) })),
      status: async (status) => {
        this.#deps.onStatus(status);
        return {};
      },
    };
  }

  /** The PDU of an email, once it has one. */
  pduOf(emailId: string): string | undefined {
    return pduInEmailId(emailId) ?? this.account.agentValue(`pdu ${emailId}`);
  }

  /** The PDU of a message of others in a thread: of the first of these message ids that one of them has. */
  pduOfMessage(threadId: string, messageIds: readonly string[]): string | undefined {
    const emails = (this.account.threadEmailIds(threadId) ?? []).flatMap((id) => this.account.email(id) ?? []);
    for (const messageId of messageIds) {
      const email = emails.find(
        ({ envelope }) =>
          envelope.messageId?.includes(messageId) &&
          envelope.from?.[0]?.email.toLowerCase() !== this.account.record.name,
      );
      const pdu = email === undefined ? undefined : this.pduOf(email.id);
      if (pdu !== undefined) return pdu;
    }
    return undefined;
  }

  /** An email that was made here has become a message. */
  created(emailId: string, pdu: string): void {
    this.#deps.store.transact(() => {
      // The agent may have died between making the message and saying so, and a later one have told it as new.
      if (emailId !== emailIdOf(pdu)) this.account.removeEmails([emailIdOf(pdu)], 'agent');
      this.account.setAgentValue(`email ${pdu}`, emailId);
      this.account.setAgentValue(`pdu ${emailId}`, pdu);
    });
  }

  /** Answers which messages are not here yet. */
  #takeMessages(messages: readonly ToldMessage[]): string[] {
    const wanted: string[] = [];
    const destroyed = this.#destroyed();
    for (const message of messages) {
      const id = this.#idOf(message.pdu);
      if (message.isDeleted) this.account.removeEmails([id], 'agent');
      else if (this.account.email(id) !== undefined) this.account.mergeEmail(id, this.#remote(message));
      else if (!destroyed.has(id) && !this.#isGoingWith(message)) wanted.push(message.pdu);
    }
    return wanted;
  }

  #takeContents(messages: readonly WholeMessage[]): void {
    for (const message of messages) {
      if (this.#isGoingWith(message)) continue; // its mailbox was destroyed since it was asked for
      const { conversation, hasAttachment, headerBlock, pdu, preview, receivedAt, size, text } = message;
      const isNews = message.folders.includes('inbox') && !message.keywords.includes('$seen');
      this.account.putEmails(
        [
          {
            id: this.#idOf(pdu),
            ...this.#threadOf(conversation),
            ...{ headerBlock, hasAttachment, preview, receivedAt, size, text },
            ...this.#remote(message),
          },
        ],
        'agent',
        isNews ? 'delivered' : 'known',
      );
      // What was changed here of a message that is filled in again.
      this.account.mergeEmail(this.#idOf(pdu), this.#remote(message));
      if (conversation !== undefined) this.#rememberThread(conversation, this.#idOf(pdu));
    }
  }

  #takeFolders(folders: readonly ToldFolder[]): void {
    // What a program has changed of a mailbox since is told again once the agent knows it.
    for (const folder of folders)
      if (this.account.pendingOf(this.folders.known(folder.id)).length === 0) this.folders.look(folder.id, folder);
    const told = new Set(folders.map(({ id }) => id));
    const waiting = new Set(this.account.pending(Number.MAX_SAFE_INTEGER).map(({ object }) => object));
    for (const { id } of this.account.mailboxes()) {
      const folder = this.folders.folderOf(id);
      if (folder === undefined || !isLabel(folder) || told.has(folder) || waiting.has(id)) continue;
      // A label that messages have is a folder, whatever was said of it.
      if (this.account.counts(id).totalEmails === 0) this.folders.forget(folder);
    }
  }

  /** False: some of it is still being handed over. */
  #takeDeliveries(deliveries: readonly ToldDelivery[]): boolean {
    let isNoted = true;
    for (const delivery of deliveries) {
      const id = submissionOfKey(delivery.key);
      if (id === undefined) continue;
      isNoted = noteDelivery(this.account, id, delivery.recipients, deliveryStatusOf(delivery)) && isNoted;
    }
    return isNoted;
  }

  /** Only what changed: a report comes after each catch-up and comparison. */
  #takeReport(said: Said): void {
    const completeness = completenessOf(said);
    const before = this.account.objects.get<Completeness>('Completeness', COMPLETENESS_ID);
    if (JSON.stringify(before) !== JSON.stringify(completeness))
      this.account.objects.put('Completeness', COMPLETENESS_ID, completeness);
  }

  #remote({ folders, keywords }: ToldMessage): { keywords: readonly string[]; mailboxIds: readonly string[] } {
    const staying = folders.filter((folder) => !this.#isGoing(folder));
    return { keywords, mailboxIds: staying.map((id) => this.folders.mailboxOf(id)) };
  }

  /** What is in nothing but destroyed mailboxes goes with them. */
  #isGoingWith({ folders }: ToldMessage): boolean {
    return folders.length > 0 && folders.every((folder) => this.#isGoing(folder));
  }

  /** A folder whose mailbox was destroyed here: what is told of it was said before that. */
  #isGoing(folder: FolderId): boolean {
    const id = this.folders.known(folder);
    if (this.account.mailbox(id) !== undefined) return false;
    return this.account.pendingOf(id).some(({ change }) => change.kind === 'mailboxDestroy');
  }

  /** A conversation is one thread, also where its first message was put into an older one by what it answers. */
  #threadOf(conversation: string | undefined): { threadId?: string } {
    if (conversation === undefined) return {};
    return { threadId: this.account.agentValue(`thread ${conversation}`) ?? `c${conversation}` };
  }

  #rememberThread(conversation: string, emailId: string): void {
    const threadId = this.account.email(emailId)?.threadId;
    if (threadId !== undefined && threadId !== this.#threadOf(conversation).threadId)
      this.account.setAgentValue(`thread ${conversation}`, threadId);
  }

  /** Emails that were destroyed here, and of which the agent has not heard yet. */
  #destroyed(): ReadonlySet<string> {
    const pending = this.account.pending(Number.MAX_SAFE_INTEGER);
    return new Set(pending.filter(({ change }) => change.kind === 'emailDestroy').map(({ object }) => object));
  }

  #idOf(pdu: string): string {
    return this.account.agentValue(`email ${pdu}`) ?? emailIdOf(pdu);
  }
}

/** In the shortest letters that an id may have: ids stand in many rows. */
function emailIdOf(pdu: string): string {
  return `m${Buffer.from(pdu, 'hex').toString('base64url')}`;
}

/** Undefined for an email that was made here. */
function pduInEmailId(emailId: string): string | undefined {
  if (!/^m[A-Za-z0-9_-]{43}$/.test(emailId)) return undefined;
  return Buffer.from(emailId.slice(1), 'base64url').toString('hex');
}

type Said = ToldCalls['report']['request'];

function completenessOf({ node: current, report: whole }: Said): Completeness {
  const { complete, pendingBodies, report, sentence, unverified } = whole;
  return {
    node: current ?? null,
    isComplete: complete,
    sentence,
    feeds: report.map(({ expired, feed, held, missing, nodes, upTo }) => ({
      feed,
      upTo,
      held,
      missing,
      expired,
      nodes: nodes.map(({ isAway, node, upTo: head }) => ({ node, upTo: head ?? null, isAway })),
    })),
    pendingBodies,
    unverified,
  };
}
