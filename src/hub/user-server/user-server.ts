/**
 * All of one person on a hub: the store of their mail with its journal, the agents that keep it like the person's servers,
 * and JMAP over it. However many programs are connected, there is one of these.
 */
import { type Clock, isAbort, type Log, Scope, type SecureRandom } from '../../base/index.ts';
import {
  type BlobStore,
  createJmap,
  type Jmap,
  type Journal,
  type MailSource,
  MailStore,
  type PushServices,
  UnavailableOctets,
} from '../../jmap/index.ts';
import type { Address, Manifest } from '../../protocol/index.ts';
import { type ImapAccountStatus, ImapAccounts } from '../agents/imap/imap-accounts.ts';
import type { AgentStatus, MailAgentCalls, ToldCalls } from '../agents/mail/mail-protocol.ts';
import type { PersonCalls } from '../agents/mail/person-calls.ts';
import { type StartedAgent, Supervisor, type SupervisorStatus } from '../agents/supervisor.ts';
import { HubError } from '../hub-error.ts';
import { AccountSubmitters } from './account-submitters.ts';
import { EncryptedAccount } from './encrypted-account.ts';
import { EncryptedAttachments } from './encrypted-attachments.ts';
import { EncryptedSubmitter } from './encrypted-submitter.ts';
import { AGENT_DELAY_MS, CHUNK_TIMEOUT_MS } from './limits.ts';
import { type Reminder, ReminderTeller } from './reminder-teller.ts';
import { Replay } from './replay.ts';

export interface UserServerDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  /** The user server does not close it. */
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly startMailAgent: () => StartedAgent;
  readonly startImapAgent: () => StartedAgent;
  /** How push services are reached. */
  readonly pushServices: PushServices;
  /** Asks the control server to wake this user; to be asked again when the control server starts anew. */
  readonly remind: (reminder: Reminder) => Promise<void>;
}

export interface UserServerOptions {
  readonly address: Address;
  readonly cache: 'disk' | 'memory';
  /** An agent that does not answer for so long is started again. */
  readonly agentTimeoutMs: number;
}

export interface UserServerStatus {
  readonly user: Address;
  readonly mailAgent: SupervisorStatus;
  /** What the agent says of itself; undefined before it did. */
  readonly mail: AgentStatus | undefined;
  readonly pendingChanges: number;
  readonly imap: readonly ImapAccountStatus[];
}

/** The JMAP account of the address itself. */
const ACCOUNT = 'encrypted';

export class UserServer implements AsyncDisposable {
  readonly store: MailStore;
  readonly jmap: Jmap;
  readonly imap: ImapAccounts;
  readonly #options: UserServerOptions;
  readonly #encrypted: EncryptedAccount;
  readonly #mailAgent: Supervisor<MailAgentCalls, ToldCalls>;
  readonly #scope: Scope;
  readonly #log: Log;
  readonly #blobs: BlobStore;
  readonly #reminders: ReminderTeller;
  #mail: AgentStatus | undefined;

  private constructor(deps: UserServerDeps, options: UserServerOptions, store: MailStore) {
    this.#options = options;
    this.#log = deps.log;
    this.#blobs = deps.blobs;
    this.store = store;
    this.#scope = new Scope((task, error) => deps.log.error({ err: error, task }, 'a task of the user server failed'));
    this.#encrypted = EncryptedAccount.open(
      {
        ...deps,
        store,
        onStatus: (status) => {
          this.#mail = status;
          this.#reminders.look();
        },
      },
      { id: ACCOUNT, address: options.address },
    );
    this.#mailAgent = new Supervisor<MailAgentCalls, ToldCalls>(
      { ...deps, start: deps.startMailAgent, handlers: this.#encrypted.handlers() },
      { name: 'mail', timeoutMs: options.agentTimeoutMs, delayMs: AGENT_DELAY_MS },
    );
    this.imap = new ImapAccounts({ ...deps, store, dialer: deps.pushServices.dialer }, options);
    const encrypted = new EncryptedSubmitter(
      {
        blobs: deps.blobs,
        pduOfMessage: (threadId, messageIds) => this.#encrypted.pduOfMessage(threadId, messageIds),
        send: (request, signal) => this.#mailAgent.ask('send', request, signal),
      },
      { own: options.address },
    );
    // Also of an account that is stopped, or was removed a moment ago: nothing of it goes out by another.
    const submitter = new AccountSubmitters((accountId) => (accountId === ACCOUNT ? encrypted : this.imap.submitter));
    this.jmap = createJmap({ ...deps, store, blobStore: deps.blobs, source: this.#source(), submitter });
    this.#replay(deps);
    const isUnfinished = (): boolean => (this.#mail?.queued ?? 0) > 0 || this.#hasPending;
    this.#reminders = new ReminderTeller({ ...deps, store, isUnfinished });
    for (const event of ['changed', 'accounts', 'subscriptions'] as const)
      store.on(event, () => this.#reminders.look());
    this.#scope.spawn('reminders', (signal) => this.#reminders.run(signal));
  }

  /** What lists need is there when it resolves; headers and the search index are read when somebody wants them. */
  static async open(deps: UserServerDeps, options: UserServerOptions): Promise<UserServer> {
    const { clock, journal, log, random } = deps;
    const onListenerError = (error: unknown): void => log.error({ err: error }, 'a listener of the store failed');
    const store = await MailStore.open({ clock, journal, random, onListenerError });
    return new UserServer(deps, options, store);
  }

  get status(): UserServerStatus {
    return {
      user: this.#options.address,
      mailAgent: this.#mailAgent.status,
      mail: this.#mail,
      pendingChanges: this.#encrypted.account.pending(Number.MAX_SAFE_INTEGER).length,
      imap: this.imap.status,
    };
  }

  /** What a person asks about their own account. Throws as the supervisor's `ask`. */
  askAgent<Name extends keyof PersonCalls & string>(
    name: Name,
    request: PersonCalls[Name]['request'],
  ): Promise<PersonCalls[Name]['reply']> {
    return this.#mailAgent.ask(name, request, this.#scope.signal);
  }

  /** The PDU of an email of the encrypted account, once it has one. */
  pduOf(emailId: string): string | undefined {
    return this.#encrypted.pduOf(emailId);
  }

  /** Of a blob that is a file by itself, in an account of this person. */
  async storedSize(accountId: string, blobId: string): Promise<number | undefined> {
    return this.store.accounts().some(({ id }) => id === accountId) ? this.#blobs.size(accountId, blobId) : undefined;
  }

  /** There is mail for this person, or a reminder has come: it is fetched now, whatever the agent was waiting for. */
  wake(): void {
    this.#reminders.woken();
    this.#scope.spawn('wake', async (signal) => {
      try {
        await this.#mailAgent.ask('hurry', {}, signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#log.info({ err: error }, 'no node answers now; the agent goes on trying');
      }
    });
  }

  /** Another process has relieved the control server: it is told anew what this user waits for. */
  remindAgain(): void {
    this.#reminders.tellAgain();
  }

  /** Ends the agents and what is under way. What was acknowledged is in the journal already. */
  async [Symbol.asyncDispose](): Promise<void> {
    const stopping = this.#scope[Symbol.asyncDispose]();
    const parts = [this.jmap, this.#mailAgent, this.imap];
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
    await stopping;
    await this.store.flush();
    this.store.close();
  }

  get #hasPending(): boolean {
    return this.store.accounts().some((account) => account.pending(1).length > 0);
  }

  #replay(deps: UserServerDeps): void {
    const replay = new Replay(
      {
        ...deps,
        store: this.store,
        encrypted: this.#encrypted,
        ask: (name, request, signal) => this.#mailAgent.ask(name, request, signal),
      },
      { isAgentDurable: this.#options.cache === 'disk' },
    );
    this.store.on('changed', ({ accountId }) => {
      if (accountId === ACCOUNT) replay.wake();
    });
    this.#scope.spawn('replay', (signal) => replay.run(signal));
  }

  #source(): MailSource {
    const chunk = async (manifest: Manifest, number: number, signal: AbortSignal): Promise<Uint8Array> => {
      const answer = this.#mailAgent.ask('chunk', { manifest, number }, signal, CHUNK_TIMEOUT_MS);
      return (await availableFrom(answer, signal)).bytes;
    };
    return {
      remote: new EncryptedAttachments({ chunk }, { accountId: ACCOUNT }),
      isSizeKnown: (accountId, emailId) => !this.imap.has(accountId) || this.imap.isSizeKnown(accountId, emailId),
      raw: async (accountId, emailId, range, signal) => {
        if (this.imap.has(accountId)) return availableFrom(this.imap.raw(accountId, emailId, range, signal), signal);
        const pdu = this.#encrypted.pduOf(emailId);
        if (pdu === undefined) return undefined;
        const { mime } = await availableFrom(this.#mailAgent.ask('raw', { pdu }, signal), signal);
        if (mime === undefined) return undefined;
        return once(range === undefined ? mime : mime.subarray(range.start, range.end));
      },
    };
  }
}

/** Throws UnavailableOctets for what an agent that ends, rests or is slow does not give, or cannot get. */
async function availableFrom<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (isAbort(error, signal) || !(error instanceof HubError)) throw error;
    throw new UnavailableOctets(error.message, { cause: error });
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
