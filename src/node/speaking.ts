/** What this home's people and others say to each other, and what they attach: put together from the node's parts. */
import type { Clock, CryptoSuite, Log, SecureRandom, SignatureChecker } from '../base/index.ts';
import { Conversations, type Messaging, type OwnFleet } from '../federation/index.ts';
import type { FeedId } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import { type Abroad, openMessaging } from './abroad.ts';
import type { Accounts } from './accounts.ts';
import { Blobs } from './blobs.ts';
import type { DataFolder } from './data-folder.ts';
import type { NodeFeeds } from './feeds.ts';
import { CatchUp, type Fleet } from './fleet/index.ts';
import { Gathering } from './gathering.ts';
import { HeldPdus } from './held-pdus.ts';
import { HeldPlaces } from './held-places.ts';
import type { Journal } from './journal.ts';
import type { HomeKeyLog } from './key-log.ts';
import type { NodeLimits } from './limits.ts';
import { HomePeople } from './local-people.ts';
import type { Room } from './room.ts';
import { refusalNow } from './services.ts';

export interface SpeakingDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly log: Log;
  /** undefined: this node speaks with no other home. */
  readonly abroad: Abroad | undefined;
}

export interface SpeakingParts {
  readonly folder: DataFolder;
  readonly store: Store;
  readonly feeds: NodeFeeds;
  readonly keyLog: HomeKeyLog;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly fleet: Fleet;
  readonly room: Room;
}

export interface Speaking {
  readonly held: HeldPdus;
  readonly places: HeldPlaces;
  readonly conversations: Conversations;
  readonly messaging: Messaging | undefined;
  readonly blobs: Blobs;
  readonly catchUp: CatchUp;
  readonly people: HomePeople;
  readonly gathering: Gathering;
}

export async function openSpeaking(
  deps: SpeakingDeps,
  parts: SpeakingParts,
  { durability = 1, limits }: { readonly durability?: number; readonly limits: NodeLimits },
): Promise<Speaking> {
  const isOnDisks = (feed: FeedId, to: number): boolean => parts.fleet.waits.isOn(durability, feed, to);
  const places = new HeldPlaces({ feeds: parts.feeds, isOnDisks });
  const held = new HeldPdus({ ...deps, places, store: parts.store, feeds: parts.feeds.all, ours: parts.feeds.ours });
  const conversations = new Conversations({ view: held });
  parts.journal.events.on('committed', ({ entries }) =>
    conversations.committed(entries.flatMap(({ pdu }) => (pdu === undefined ? [] : [pdu]))),
  );
  const { accounts, feeds, fleet, folder, journal, store } = parts;
  const own = { ...deps, accounts, journal, store, feeds: parts.feeds.all };
  const state = { now: () => deps.clock.now(), refusal: () => refusalNow(parts) };
  const blobs = new Blobs({ ...own, ...state }, { ...folder.config, limits });
  const gathering = new Gathering({ ...own, blobs });
  const catchUp = new CatchUp({ ...deps, accounts, fleet });
  const people = new HomePeople({ ...parts, catchUp }, limits);
  const opened = { held, places, conversations, blobs, gathering, catchUp, people };
  if (deps.abroad === undefined) return { ...opened, messaging: undefined };
  const ownFleet: OwnFleet = {
    progressed: (home) => fleet.exchanges.changed(home),
    hasRoom: () => !parts.room.isLow,
    untilCopied: () => fleet.waits.untilOn(durability, feeds.current.id, feeds.current.length),
  };
  const exchanged = { ...deps, ...parts, fleet: ownFleet, held, local: people, conversations, attachments: gathering };
  return { ...opened, messaging: await openMessaging(exchanged, deps.abroad) };
}
