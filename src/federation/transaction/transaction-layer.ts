/**
 * The third layer: what waits for other homes is sent to them, what they send is taken, each number once and in order,
 * through crashes on either side and outages of any length. Knows no HTTP and no meaning of PDUs.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, type Log, type Prng, Scope, type SecureRandom } from '../../base/index.ts';
import type { ConversationId, FeedId, HomeName, Reach } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type {
  Commit,
  FederationLink,
  FederationService,
  HintPort,
  HomeDirectory,
  OutboxView,
  OwnFleet,
  PduInbox,
} from '../ports.ts';
import { Intake } from './intake.ts';
import { Puller } from './puller.ts';
import { Receiver } from './receiver.ts';
import { type DestinationStatus, Sender } from './sender.ts';

export interface TransactionDeps<Judged> {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly random: SecureRandom;
  readonly store: Store;
  readonly log: Log;
  /** Our own name. */
  readonly home: HomeName;
  readonly outbox: OutboxView;
  readonly inbox: PduInbox<Judged>;
  readonly commit: Commit;
  readonly hints: HintPort;
  readonly link: FederationLink;
  readonly directory: HomeDirectory;
  readonly fleet: OwnFleet;
  /** Another home will not take something of ours: that is on disk, for its author to be told. */
  readonly onRejected: () => void;
}

export class TransactionLayer<Judged> implements Pick<FederationService, 'send' | 'pull' | 'contact'>, AsyncDisposable {
  readonly #scope: Scope;
  readonly #sender: Sender;
  readonly #receiver: Receiver<Judged>;
  readonly #puller: Puller<Judged>;

  private constructor(scope: Scope, sender: Sender, receiver: Receiver<Judged>, puller: Puller<Judged>) {
    this.#scope = scope;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#puller = puller;
  }

  /** Goes on with what was under way, and asks the homes we know what they have for us. */
  static async open<Judged>(deps: TransactionDeps<Judged>): Promise<TransactionLayer<Judged>> {
    const { log } = deps;
    const scope = new Scope((task, error) => log.error({ error, task }, 'a task of federation failed'));
    // One listener for each wait and request under way, which the limits of this folder bound.
    setMaxListeners(0, scope.signal);
    const intake = new Intake(deps);
    const onContact = (home: HomeName): void => sender.contact(home);
    const puller = new Puller({ ...deps, intake, scope, onContact });
    const onReach = (home: HomeName, reach: readonly Reach[]): void => puller.notice(home, reach);
    let sender: Sender;
    try {
      sender = await Sender.open({ ...deps, scope, onReach });
      const onTaken: ConstructorParameters<typeof Receiver<Judged>>[0]['onTaken'] = (origin, taken) =>
        puller.taken(origin, taken);
      const receiver = new Receiver({ ...deps, intake, scope, onReach, onTaken });
      await puller.start();
      return new TransactionLayer(scope, sender, receiver, puller);
    } catch (error) {
      await scope[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Takes a Transaction, gives an Answer. The same transaction gets the same answer. */
  send(origin: HomeName, txn: string, body: Uint8Array): Promise<Uint8Array> {
    return this.#receiver.receive(origin, txn, body);
  }

  pull(origin: HomeName, feed: FeedId, after: number): Promise<Uint8Array | undefined> {
    return this.#sender.pull(origin, feed, after);
  }

  /** The home is there: what waits for it is sent. */
  contact(origin: HomeName): void {
    this.#sender.contact(origin);
  }

  /** The outbox for this destination has grown. */
  queued(destination: HomeName): void {
    this.#sender.queued(destination);
  }

  /** A node that was removed has left its outboxes to this one. */
  inherited(): void {
    this.#scope.spawn('inherited outboxes', () => this.#sender.inherited());
  }

  /** Resolves when it is on disk that the destination is to hear of this conversation. */
  hint(destination: HomeName, conversation: ConversationId): Promise<void> {
    return this.#sender.hint(destination, conversation);
  }

  status(): Promise<readonly DestinationStatus[]> {
    return this.#sender.status();
  }

  /** Tries a destination, or all, now. */
  retry(home: HomeName | undefined): void {
    this.#sender.retry(home);
  }

  /** Asks a home, or all we know, for what they have. */
  ask(home: HomeName | undefined): Promise<void> {
    return this.#puller.ask(home);
  }

  /** Batches of ours in memory now. */
  get pageCount(): number {
    return this.#sender.pageCount;
  }

  /** Ends what is under way where it is; everything that matters is on disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
