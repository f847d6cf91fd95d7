import type { FeedId } from '../protocol/index.ts';
import type { Accounts } from './accounts.ts';
import { Authenticator } from './authenticator.ts';
import type { CoreDeps, CoreOptions } from './core.ts';
import type { DataFolder } from './data-folder.ts';
import { Doorway } from './doorway.ts';
import type { FeedsDeps, NodeFeeds } from './feeds.ts';
import { type Fleet, FleetAccounts } from './fleet/index.ts';
import type { HomeChain } from './home-chain.ts';
import { Intake } from './intake.ts';
import type { Journal } from './journal.ts';
import type { HomeKeyLog } from './key-log.ts';
import { Letters } from './letters.ts';
import { Lookups } from './lookups.ts';
import { MailboxReader } from './mailbox-reader.ts';
import type { NodeStore } from './node-store.ts';
import { NodeOperator } from './operator.ts';
import { RegistrationRate } from './registration-rate.ts';
import { repairDepsOf } from './repair.ts';
import { RequestHandler } from './request-handler.ts';
import type { Retention } from './retention.ts';
import type { Room } from './room.ts';
import type { SessionDeps } from './session.ts';
import { Sessions } from './sessions.ts';
import type { Speaking } from './speaking.ts';
import { NO_ROOM, REMOVED, type Submission } from './submission.ts';

export interface BaseParts {
  readonly folder: DataFolder;
  readonly store: NodeStore;
  readonly feedsDeps: FeedsDeps;
  readonly feeds: NodeFeeds;
  readonly keyLog: HomeKeyLog;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly home: HomeChain;
  readonly retention: Retention;
  readonly fleet: Fleet;
  readonly room: Room;
}

export interface Parts extends BaseParts, Speaking {}

export type ServicesDeps = Pick<CoreDeps, 'clock' | 'random' | 'suite' | 'signatures' | 'log' | 'metrics' | 'letters'>;
export type ServicesOptions = Pick<CoreOptions, 'durability' | 'limits' | 'registration'>;

/** Why this node takes nothing now; undefined: it does. */
export function refusalNow({ fleet, room }: Pick<BaseParts, 'fleet' | 'room'>): Submission | undefined {
  if (fleet.membership.isRemoved) return REMOVED;
  return room.isLow ? NO_ROOM : undefined;
}

export interface Services extends Pick<SessionDeps, 'authenticator' | 'handler' | 'letters' | 'sessions'> {
  readonly intake: Intake;
  readonly operator: NodeOperator;
  readonly doorway: Doorway;
}

export function createServices(
  deps: ServicesDeps,
  options: ServicesOptions,
  parts: Parts,
  onRolledBack: (feed: FeedId) => void,
): Services {
  const { limits } = options;
  const {
    folder,
    store,
    journal,
    accounts,
    blobs,
    catchUp,
    home,
    held,
    conversations,
    messaging,
    fleet,
    people,
    room,
  } = parts;
  const feeds = parts.feeds.all;
  const sessions = new Sessions(deps.clock, limits.heartbeatMs);
  const authenticator = new Authenticator({ ...deps, store, accounts, catchUp, feeds, saltSecret: folder.saltSecret });
  const reader = new MailboxReader({ ...deps, store, held, nodeKey: folder.nodeKey, feeds: parts.feeds });
  const intake = createIntake(deps, options, parts);
  const letters = deps.letters ?? new Letters(deps);
  const lookups = new Lookups(
    { conversations, held, home, keyLog: parts.keyLog, letters, messaging, people },
    { home: folder.config.home },
  );
  const chains = new FleetAccounts({ ...deps, accounts, fleet });
  fleet.duties = chains.duties;
  const registrationRate = options.registration === 'open' ? new RegistrationRate(deps.clock, limits) : undefined;
  const handler = new RequestHandler({
    ...deps,
    ...{ chains, authenticator, blobs, intake, journal, letters, lookups, reader, registrationRate, sessions },
    onRolledBack,
  });
  const check = repairDepsOf(deps.suite, parts);
  const copies = { ...deps, accounts, authenticator, blobs, feeds, home, journal, reader };
  const operator = new NodeOperator(
    { ...deps, accounts, store, folder, sessions, feeds: parts.feeds, check, messaging, copies, fleet, letters, room },
    limits,
  );
  const doorway = new Doorway({ accounts, blobs, chains, intake, people, store, room });
  return { sessions, authenticator, handler, intake, letters, operator, doorway };
}

function createIntake(deps: ServicesDeps, { durability: disks = 1, limits }: ServicesOptions, parts: Parts): Intake {
  const { folder, store, journal, accounts, blobs, catchUp, places, conversations, messaging, fleet, people, room } =
    parts;
  return new Intake(
    {
      ...deps,
      ...{ store, journal, accounts, catchUp, conversations, blobs, people, places, messaging },
      untilCopied: disks > 1 ? (feed, to) => fleet.waits.untilOn(disks, feed, to) : undefined,
      refusal: () => refusalNow(parts),
      onNoRoom: () => room.foundNone(),
    },
    { home: folder.config.home, limits, feeds: parts.feeds },
  );
}
