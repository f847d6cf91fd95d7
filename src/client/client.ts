/**
 * The client of one account on one device: follows its mail from whichever node serves best, keeps what comes, sends what
 * waits, and says what is missing. Everything it knows is in the store, so it can end at any moment and goes on there.
 */
import {
  type Clock,
  type CryptoSuite,
  type Dialer,
  Emitter,
  type Log,
  type Prng,
  Scope,
  type SecureRandom,
  type SignatureChecker,
} from '../base/index.ts';
import type { Address, Manifest } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { AccountSecrets, BodyWorker, Certificate } from '../vault/index.ts';
import { Account } from './account/account.ts';
import type { DeviceProfile } from './account/device-profile.ts';
import type { Alarm } from './alarm.ts';
import { type Download, Downloader } from './attachments/downloader.ts';
import type { ClientEvents } from './client-events.ts';
import type { Draft } from './compose/draft.ts';
import { People } from './contacts/people.ts';
import { ConversationActs } from './conversations/conversation-acts.ts';
import type { Deliveries } from './deliveries/deliveries.ts';
import { refusedByHome } from './deliveries/delivery-report.ts';
import { BUNDLED_FLEETS, type Fleets } from './directory/index.ts';
import type { Folders } from './folders/folders.ts';
import type { Report } from './history/report.ts';
import { DOWNLOAD_NODES_MAX, IMPORTS_QUEUED_MAX } from './limits.ts';
import { Link } from './link.ts';
import type { Mailbox } from './mail/mailbox.ts';
import type { Nodes } from './network/nodes.ts';
import type { Outbox } from './outbox/outbox.ts';
import { type Imported, type Posted, Posting, type RawMail, type Sent } from './outbox/posting.ts';
import { letterBytesOf, openParts, type Parts } from './parts.ts';

export interface ClientDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly prng: Prng;
  readonly suite: CryptoSuite;
  /** For the signatures of entries; default: in this thread. The client does not close it. */
  readonly signatures?: SignatureChecker;
  readonly dialer: Dialer;
  /** The profile's own; the client does not close it. */
  readonly store: Store;
  readonly log: Log;
  /** A worker for the account's bodies; opened again when the account's key is rotated. The client closes it. */
  readonly openVault: (secrets: AccountSecrets) => Promise<BodyWorker>;
  /** The account's secrets changed by a rotation, here or on another device: keep them. */
  readonly saveProfile: (profile: DeviceProfile) => Promise<void>;
  /** The key of somebody whom no home has; default: nobody's is found. */
  readonly findOrdinaryKey?: (address: Address, signal: AbortSignal | undefined) => Promise<Certificate | undefined>;
}

export interface ClientOptions {
  readonly profile: DeviceProfile;
  /** Where the account was made or joined. */
  readonly nodeUrl: string;
  /** Whether to look for a node at once and always; else only when something asks for one. */
  readonly autoConnect: boolean;
  readonly fleets?: Fleets;
  /** Somebody takes every change of a message from `mail.changes`; default: nobody, and they are not kept. */
  readonly isFollowed?: boolean;
}

export interface SyncOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: SyncProgress) => void;
}

export interface SyncProgress {
  /** Entries that came since the sync began. */
  readonly received: number;
  /** Entries that are still to be decrypted and indexed. */
  readonly toIndex: number;
}

export interface SyncResult {
  /** Messages that can be read now and could not before. */
  readonly new: number;
  readonly missing: number;
  /** Entries that had been missed before and came now. */
  readonly filled: number;
  readonly complete: boolean;
  readonly report: Report;
}

export interface ClientState {
  readonly connection: 'disconnected' | 'connecting' | 'connected';
  readonly node: string | undefined;
  /** Without a node since, milliseconds since 1970; undefined before one has been asked in vain. */
  readonly offlineSince: number | undefined;
  readonly pinned: string | undefined;
  /** The node stands in for the pinned one. */
  readonly borrowed: boolean;
}

export class Client implements AsyncDisposable {
  readonly address: Address;
  readonly events: Emitter<ClientEvents>;
  readonly account: Account;
  readonly people: People;
  readonly conversations: ConversationActs;
  readonly #parts: Parts;
  readonly #link: Link;
  readonly #posting: Posting;
  readonly #downloader: Downloader;
  readonly #scope: Scope;
  #indexed = 0;

  private constructor(deps: ClientDeps, options: ClientOptions, parts: Parts, events: Emitter<ClientEvents>) {
    this.#parts = parts;
    this.events = events;
    this.address = options.profile.address;
    this.#scope = new Scope((task, error) => deps.log.error({ err: error, task }, 'a task of the client failed'));
    this.#link = new Link({ ...deps, parts, events });
    const connection = () => this.#link.connection();
    this.#posting = new Posting({ ...parts, ...deps, connection: () => this.#link.current?.connection });
    this.#downloader = new Downloader({
      ...deps,
      connect: (signal) => this.#link.node(signal),
      dialOthers: (node, signal) => this.#link.dialOthers(node, DOWNLOAD_NODES_MAX - 1, signal),
      onWrong: async (node, list) => {
        const detail = 'a piece of an attachment is not the one that its author signed';
        await parts.alarms.raise({ code: 'wrong_body', subject: list, detail, node });
      },
    });
    this.account = new Account({ ...parts, ...deps, connection, now: () => parts.writer.now() });
    this.conversations = new ConversationActs({ ...parts, posting: this.#posting }, { own: this.address });
    this.people = new People(parts.contacts, { connection });
    events.on('arrived', () => {
      this.#indexed += 1;
    });
    events.on('outbox', ({ letter, outcome }) => {
      if (letter === undefined || outcome.status !== 'refused') return;
      const reports = refusedByHome(letter, outcome, parts.writer.now());
      this.#scope.spawn('refused letter', () => parts.deliveries.take(reports));
    });
  }

  /** Reads what is here; asks nobody unless `autoConnect`. */
  static async open(deps: ClientDeps, options: ClientOptions): Promise<Client> {
    const events = new Emitter<ClientEvents>((error) =>
      deps.log.error({ err: error }, 'a listener of the client failed'),
    );
    const parts = await openParts(deps, { fleets: BUNDLED_FLEETS, isFollowed: false, ...options }, events);
    const client = new Client(deps, options, parts, events);
    client.#start(options.autoConnect);
    return client;
  }

  get mail(): Mailbox {
    return this.#parts.mailbox;
  }

  get folders(): Folders {
    return this.#parts.folders;
  }

  /** What became of mail at other homes, where that is not simply that it arrived. */
  get deliveries(): Pick<Deliveries, 'list' | 'of' | 'keyOf'> {
    return this.#parts.deliveries;
  }

  get nodes(): Nodes {
    return this.#parts.nodes;
  }

  /** What waits to be sent, and what was refused. */
  get outbox(): Pick<Outbox, 'items' | 'queuedCount' | 'retry' | 'discard'> {
    return this.#parts.outbox;
  }

  get state(): ClientState {
    const { borrowed, node, offlineSince, pinned, state } = this.#link.view;
    return { connection: state, node, offlineSince, pinned, borrowed };
  }

  /** The largest ordinary mail that the home sends; 0: it sends none; undefined: nobody can tell without a connection. */
  get ordinaryBytesMax(): number | undefined {
    const info = this.#parts.wire.connection?.info;
    return info === undefined ? undefined : letterBytesOf(info);
  }

  /** Milliseconds that the home's clock is ahead of this device's, as far as known; 0 before a node was connected. */
  get serverTimeOffsetMs(): number {
    return this.#parts.wire.serverTimeOffsetMs;
  }

  /** Standing alarms, newest first. */
  get alarms(): readonly Alarm[] {
    return this.#parts.alarms.list();
  }

  /** A person read an alarm and does not want to see it again. */
  async dismissAlarm({ code, subject }: Pick<Alarm, 'code' | 'subject'>): Promise<void> {
    await this.#parts.alarms.clear([code], subject);
  }

  /**
   * Resolves when a node is connected. Throws ClientError `offline` when none of them answers, or at the signal; `banned`,
   * `account_closed` or `unknown_device` when the home does not let this device in.
   */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#link.connect(signal);
  }

  /**
   * Encrypts, queues durably, and waits a little for receipts. Throws ClientError (`unknown_recipient`, `standing_alarm`,
   * `home_unreachable`, `too_large`, `offline` when a recipient was never looked up, `refused` by the node; in a
   * conversation also `not_a_member`, `not_in_conversation`, `read_only`, `conversation_gap`), and then nothing is sent.
   */
  async send(draft: Draft, signal?: AbortSignal): Promise<Sent> {
    return this.#posting.send(draft, signal);
  }

  /**
   * A large attachment, ready to be read from the nodes of the home. Throws ClientError `offline`, `attachment_missing` or
   * `attachment_damaged`. Dispose of it when the work ends.
   */
  openAttachment(manifest: Manifest, signal: AbortSignal): Promise<Download> {
    return this.#downloader.open(manifest, signal);
  }

  /**
   * Queues the exact bytes as mail to `to`. The same bytes to the same address are sent once, however often and on whichever
   * day they are imported on this device. Waits while very much is queued already.
   */
  async importRaw(mime: Uint8Array, to: Address, signal?: AbortSignal): Promise<Imported> {
    while (this.#parts.outbox.queuedCount >= IMPORTS_QUEUED_MAX) {
      await this.connect(signal ?? this.#scope.signal);
      await this.#parts.outbox.whenChanged();
      signal?.throwIfAborted();
    }
    return this.#posting.importRaw(mime, to, signal);
  }

  /**
   * Queues the exact bytes durably, encrypted to each recipient, once for each key. Throws ClientError (`unknown_recipient`,
   * `standing_alarm`, `unknown_home`, `home_unreachable`, `offline`, `too_large`, `no_recipient`), and then nothing is sent.
   */
  async sendRaw(mail: RawMail, signal?: AbortSignal): Promise<Posted> {
    return this.#posting.sendRaw(mail, signal);
  }

  /** Resolves when nothing waits to be sent any more; what was refused stays in `outbox`. Throws ClientError `offline`. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#parts.notes.flush();
    this.#parts.sender.hurry();
    while (this.#parts.outbox.queuedCount > 0) {
      const changed = this.#parts.outbox.whenChanged();
      await this.connect(signal);
      await this.#link.whileConnected(changed, signal);
    }
  }

  /** Connects, catches up, fills gaps, tells other devices what changed here, and indexes what came. */
  async sync({ signal, onProgress }: SyncOptions): Promise<SyncResult> {
    const before = { ...this.#parts.history.counts, indexed: this.#indexed };
    const tell = async (): Promise<void> => {
      const received = this.#parts.history.counts.entries - before.entries;
      onProgress?.({ received, toIndex: await this.#parts.indexer.pendingCount() });
    };
    using _ = this.events.on('progress', () => this.#scope.spawn('progress', tell));
    await this.#link.nextPass(signal);
    await this.#link.checkOwnKeys();
    await this.#link.askDeliveries();
    await this.#parts.indexer.whenIdle(signal);
    await this.#parts.notes.flush();
    await tell();
    const report = await this.report();
    return {
      new: this.#indexed - before.indexed,
      missing: report.report.flatMap((feed) => feed.missing).reduce((sum, [from, to]) => sum + to - from + 1, 0),
      filled: this.#parts.history.counts.filled - before.filled,
      complete: report.complete,
      report,
    };
  }

  /** What is known of completeness, without asking anybody. */
  report(): Promise<Report> {
    return this.#parts.report();
  }

  /** Entries that are here and still to be decrypted and indexed. */
  toIndex(): Promise<number> {
    return this.#parts.indexer.pendingCount();
  }

  /** Ends the connection and what is under way; the store stays with whoever opened it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    await this.#scope[Symbol.asyncDispose]();
    await this.#parts.closeVault();
  }

  #start(autoConnect: boolean): void {
    this.#scope.spawn('index', (signal) => this.#parts.indexer.run(signal));
    if (autoConnect) this.#link.start();
  }
}
