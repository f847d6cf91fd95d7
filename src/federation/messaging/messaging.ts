/**
 * The uppermost layer, and the only one that a node calls: what its people say is checked and goes out, what others say
 * comes in, and other homes are asked about their people.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, type Emitter, type HttpDialer, type Log, Scope } from '../../base/index.ts';
import type { ServiceResolver } from '../../base/system/index.ts';
import {
  type Address,
  type ConversationId,
  type DeliveryReport,
  encodeKeyLogPage,
  type FeedId,
  type HomeName,
  type KeyLogPage,
  type Pdu,
  type PduId,
} from '../../protocol/index.ts';
import { within } from '../deadline.ts';
import { FederationError } from '../federation-error.ts';
import type { KeyLogStatus } from '../key-log/index.ts';
import { type Authorship, askForPage, type Place, type ShownPage } from '../pdu/index.ts';
import type { AttachmentPort, Committed, FederationService, HomeDirectory, OwnKeyLog } from '../ports.ts';
import type { ReportEvents } from '../reports/index.ts';
import type { DestinationStatus } from '../transaction/index.ts';
import { HttpHomeDirectory, HttpLink, type RequestSigner } from '../transport/index.ts';
import { type Layers, type LayersDeps, type Network, openLayers } from './layers.ts';
import { HOLES_HURRY_MS, LOOKUP_TIMEOUT_MS } from './limits.ts';

/** What HTTP needs besides. */
export interface MessagingDeps extends LayersDeps {
  readonly dialer: HttpDialer;
  readonly services: ServiceResolver;
}

export interface MessagingOptions {
  readonly home: HomeName;
  readonly signer: RequestSigner;
}

export class Messaging implements FederationService, AsyncDisposable {
  readonly #home: HomeName;
  readonly #scope: Scope;
  readonly #layers: Layers;
  readonly #clock: Clock;
  readonly #log: Log;
  #hurriedAt = Number.NEGATIVE_INFINITY;
  readonly #keyLog: OwnKeyLog;
  readonly #attachments: AttachmentPort;

  private constructor(deps: LayersDeps, home: HomeName, scope: Scope, layers: Layers) {
    this.#home = home;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#keyLog = deps.keyLog;
    this.#attachments = deps.attachments;
    this.#scope = scope;
    this.#layers = layers;
  }

  static open(deps: MessagingDeps, options: MessagingOptions): Promise<Messaging> {
    const directory = new HttpHomeDirectory(deps);
    const link = new HttpLink({ ...deps, directory }, options);
    return Messaging.openOver(deps, { directory, link }, options.home);
  }

  /** As `open`, by another way to other homes, which is closed with it. */
  static async openOver(deps: LayersDeps, network: Network, home: HomeName): Promise<Messaging> {
    const { log } = deps;
    const scope = new Scope((task, error) => log.error({ error, task }, 'a task of federation failed'));
    // One listener for each question of a client that waits: a mail to twenty people of other homes asks twenty.
    setMaxListeners(0, scope.signal);
    const layers = await openLayers(deps, network, home);
    scope.spawn('announcing', (signal) => layers.announcer.run(signal));
    scope.spawn('holes', (signal) => layers.filler.run(signal));
    scope.spawn('key roots', (signal) => layers.keyRoots.listen(signal));
    scope.spawn('delivery reports', (signal) => layers.reports.run(signal));
    scope.spawn('telling key roots', (signal) => layers.keyRoots.tell(signal));
    return new Messaging(deps, home, scope, layers);
  }

  /** Other homes, for authenticating their requests and for our people's clients. */
  get directory(): HomeDirectory {
    return this.#layers.directory;
  }

  /** Whether a PDU, by somebody of any home, is theirs. */
  async authorship(pdu: Pdu): Promise<Authorship> {
    const [authorship] = await this.#within((signal) => this.#layers.authors.check([pdu], signal));
    return authorship as Authorship;
  }

  /** This is on disk now, from our people or from others: who is to have it gets it, who lacks some hears of it. */
  committed(commit: Committed, destinationsOf: (pdu: Pdu) => readonly HomeName[]): void {
    const { announcer } = this.#layers;
    this.queued(new Set(commit.pdus.flatMap(destinationsOf)));
    announcer.committed(commit);
  }

  /** A node that was removed has left its outboxes to this one. */
  inherited(): void {
    this.#layers.transactions.inherited();
  }

  /** Of an outbox that was left to this node more has come: it is for these homes. */
  queued(destinations: Iterable<HomeName>): void {
    for (const destination of destinations) this.#layers.transactions.queued(destination);
  }

  /** The chain of an account of another home, for our people's clients. Throws FederationError. */
  accountDocuments(address: Address, after: number): Promise<readonly Uint8Array[]> {
    return this.#within((signal) => this.#layers.people.documents(address, after, signal));
  }

  /** The chain of another home, to who knows version `after` of it. Throws FederationError. */
  async homeDocuments(home: HomeName, after: number): Promise<readonly Uint8Array[]> {
    const chain = await this.#within((signal) => this.#layers.directory.chain(home, signal, after));
    return chain.filter(({ version }) => version > after).map(({ signed }) => signed.bytes);
  }

  /** The key log of another home, as we follow it. Throws FederationError. */
  keyLogPage(home: HomeName, after: number): Promise<KeyLogPage> {
    return this.#within((signal) => this.#layers.keyLogs.page(home, after, signal));
  }

  /** A page of a conversation as another home shows it, for our people's clients, which judge it. Throws FederationError. */
  conversationPage(home: HomeName, conversation: ConversationId, after: Place | undefined): Promise<ShownPage> {
    return this.#within((signal) => askForPage(this.#layers.link, home, conversation, after, signal));
  }

  /** The key logs that we follow, and which of them do not hold. */
  keyLogs(): Promise<readonly KeyLogStatus[]> {
    return this.#layers.keyLogs.status();
  }

  send(origin: HomeName, txn: string, body: Uint8Array): Promise<Uint8Array> {
    return this.#layers.transactions.send(origin, txn, body);
  }

  pull(origin: HomeName, feed: FeedId, after: number): Promise<Uint8Array | undefined> {
    return this.#layers.transactions.pull(origin, feed, after);
  }

  pdus(origin: HomeName, ids: readonly PduId[]): Promise<Uint8Array> {
    return this.#layers.answers.pdus(origin, ids);
  }

  state(origin: HomeName, conversation: ConversationId, after: string | undefined): Promise<Uint8Array> {
    return this.#layers.answers.state(origin, conversation, after);
  }

  backfill(origin: HomeName, conversation: ConversationId, from: readonly PduId[], limit: number): Promise<Uint8Array> {
    return this.#layers.answers.backfill(origin, conversation, from, limit);
  }

  account(address: Address, after: number): Promise<Uint8Array> {
    return this.#layers.answers.account(address, after);
  }

  async keyLog(after: number): Promise<Uint8Array> {
    return encodeKeyLogPage(await this.#keyLog.page(after));
  }

  async blob(origin: HomeName, list: string, number: number): Promise<Uint8Array> {
    const piece = await this.#attachments.piece(origin, list, number);
    if (piece === undefined) throw new FederationError('not_found', 'no such piece for this home');
    return piece;
  }

  contact(origin: HomeName): void {
    this.#layers.transactions.contact(origin);
    const now = this.#clock.monotonic();
    if (now - this.#hurriedAt < HOLES_HURRY_MS) return;
    this.#hurriedAt = now;
    this.#layers.holes.hurry();
  }

  /** What waits for each destination, and how it goes. */
  status(): Promise<readonly DestinationStatus[]> {
    return this.#layers.transactions.status();
  }

  /** Tells when a delivery report is on disk. */
  get reports(): Emitter<ReportEvents> {
    return this.#layers.reports.events;
  }

  /** What became of an author's mail at other homes, where that is not that it arrived. Newest first. */
  reportsOf(author: Address): Promise<readonly DeliveryReport[]> {
    return this.#layers.reports.of(author);
  }

  /** Tries a destination, or all, now. */
  retry(home: HomeName | undefined): void {
    this.#layers.transactions.retry(home);
    this.#layers.holes.hurry();
  }

  /**
   * An operator's decision about a home whose history is lost: what it shows next, of itself, its people and its log, is
   * believed as at first contact, and what waits for it is tried.
   */
  async forget(home: HomeName): Promise<void> {
    const { directory, keyLogs, people, transactions } = this.#layers;
    this.#log.warn({ home }, 'the operator forgets a home: what it shows next is believed');
    await directory.forget(home);
    await keyLogs.forget(home);
    await people.forget(home);
    transactions.retry(home);
  }

  /** Asks a home, or all we know, for what they have for us. */
  ask(home: HomeName | undefined): Promise<void> {
    return this.#layers.transactions.ask(home);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
    await this.#layers.transactions[Symbol.asyncDispose]();
    await this.#layers.directory[Symbol.asyncDispose]();
  }

  get home(): HomeName {
    return this.#home;
  }

  /** One deadline for all that another home is asked on somebody's behalf who waits. */
  #within<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    return within(this.#clock, LOOKUP_TIMEOUT_MS, this.#scope.signal, work);
  }
}
