/** The layers below messaging, put together over any way to other homes. */
import type { Clock, CryptoSuite, Log, Prng, SecureRandom, SignatureChecker } from '../../base/index.ts';
import { type ConversationId, type HomeName, isAddress, type Pdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { KEY_ROOTS, KeyLogs, KeyRoots } from '../key-log/index.ts';
import {
  Answers,
  AuthorCheck,
  type Conversations,
  Hints,
  HoleFiller,
  Holes,
  Inbox,
  type Judged,
  type LocalPeople,
  type PduView,
  People,
} from '../pdu/index.ts';
import type {
  AttachmentPort,
  Commit,
  CommitLog,
  FederationLink,
  HintPort,
  OutboxView,
  OwnFleet,
  OwnKeyLog,
  PinningDirectory,
} from '../ports.ts';
import { DeliveryReports } from '../reports/index.ts';
import { TransactionLayer } from '../transaction/index.ts';
import { Announcer } from './announcer.ts';

export interface LayersDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly store: Store;
  readonly log: Log;
  readonly view: PduView;
  readonly outbox: OutboxView;
  readonly commits: CommitLog;
  readonly local: LocalPeople;
  readonly conversations: Conversations;
  readonly commit: Commit;
  readonly keyLog: OwnKeyLog;
  readonly attachments: AttachmentPort;
  readonly fleet: OwnFleet;
}

/** The way to other homes: HTTP, or whatever a simulation puts in its place. */
export interface Network {
  readonly directory: PinningDirectory & AsyncDisposable;
  readonly link: FederationLink;
}

export interface Layers {
  readonly directory: Network['directory'];
  readonly link: Network['link'];
  readonly people: People;
  readonly authors: AuthorCheck;
  readonly holes: Holes;
  readonly filler: HoleFiller;
  readonly announcer: Announcer;
  readonly keyLogs: KeyLogs;
  readonly keyRoots: KeyRoots;
  readonly answers: Answers;
  readonly transactions: TransactionLayer<Judged>;
  readonly reports: DeliveryReports;
}

/** Reads what is on disk; nothing runs by itself before `Messaging` starts it. */
export async function openLayers(deps: LayersDeps, network: Network, home: HomeName): Promise<Layers> {
  const { directory, link } = network;
  // The two tell each other when one has seen what the other has not: what a client is shown has to fit together.
  const people: People = new People({ ...deps, directory, link, onNew: (of) => keyLogs.outdated(of) });
  const onGrown = (of: HomeName, subjects: ReadonlySet<string>): void => {
    for (const subject of subjects) if (isAddress(subject)) people.outdated(subject);
    keyRoots.grown(of);
  };
  const keyLogs = new KeyLogs({ ...deps, directory, link, onGrown });
  const authors = new AuthorCheck({ ...deps, people }, { home });
  const holes = await Holes.open(deps);
  const inbox = new Inbox({ ...deps, authors, holes, link }, { home });
  // The two know each other: hints are owed to homes by transactions, which ask the hints what to say.
  let owe: (destination: HomeName, conversation: ConversationId) => Promise<void> = () => Promise.resolve();
  const hints = new Hints(
    { ...deps, holes, owe: (destination, conversation) => owe(destination, conversation) },
    { home },
  );
  const onFilled = (conversation: ConversationId): Promise<void> => hints.filled(conversation);
  const filler = new HoleFiller({ ...deps, link, authors, holes, onFilled }, { home });
  const owed = { ...deps, own: deps.keyLog, keyLogs, owe: (destination: HomeName) => owe(destination, KEY_ROOTS) };
  const keyRoots = await KeyRoots.open(owed, { home });
  const said = both(hints, keyRoots);
  const reports = new DeliveryReports(deps);
  const onRejected = (): void => reports.rejected();
  const transactions = await TransactionLayer.open({ ...deps, home, inbox, hints: said, link, directory, onRejected });
  owe = (destination, conversation) => transactions.hint(destination, conversation);
  const answers = new Answers(deps);
  const announce = (pdus: readonly Pdu[]): Promise<void> => hints.committed(pdus);
  const announcer = await Announcer.open({ ...deps, announce });
  return {
    directory,
    link,
    people,
    authors,
    holes,
    filler,
    announcer,
    keyLogs,
    keyRoots,
    answers,
    transactions,
    reports,
  };
}

function both(hints: Hints, keyRoots: KeyRoots): HintPort {
  return {
    make: (destination, topic) => (topic === KEY_ROOTS ? keyRoots.make() : hints.make(destination, topic)),
    hear: async (origin, edus) => {
      await hints.hear(origin, edus);
      await keyRoots.hear(origin, edus);
    },
  };
}
