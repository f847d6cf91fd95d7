/** A node's way to other homes: federation put together from the node's parts, and its door in the node's HTTP server. */
import {
  type Clock,
  type CryptoSuite,
  fromHex,
  type HttpDialer,
  type Log,
  readUint32,
  type SecureRandom,
  SeededPrng,
  type SignatureChecker,
} from '../base/index.ts';
import type { ServiceResolver } from '../base/system/index.ts';
import {
  type AttachmentPort,
  type Commit,
  type Conversations,
  FederationError,
  type FederationService,
  type HomeDirectory,
  type LayersDeps,
  type LocalPeople,
  Messaging,
  type OwnFleet,
  type OwnKeyLog,
  type StagedPdu,
} from '../federation/index.ts';
import { EntryKind, type Pdu } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { DataFolder } from './data-folder.ts';
import { destinationsOf } from './fold.ts';
import type { HeldPdus } from './held-pdus.ts';
import type { Journal, NewEntry } from './journal.ts';

/** What leads out of the machine. */
export interface Abroad {
  readonly dialer: HttpDialer;
  readonly services: ServiceResolver;
}

/** The node's parts that other homes' mail goes through. */
export interface ExchangeDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly log: Log;
  readonly store: Store;
  readonly journal: Journal;
  readonly held: HeldPdus;
  readonly keyLog: OwnKeyLog;
  readonly local: LocalPeople;
  readonly conversations: Conversations;
  readonly attachments: AttachmentPort;
  readonly fleet: OwnFleet;
}

export interface AbroadDeps extends ExchangeDeps {
  readonly folder: DataFolder;
}

export async function openMessaging(deps: AbroadDeps, { dialer, services }: Abroad): Promise<Messaging> {
  const { config, nodeKey } = deps.folder;
  const { home, node } = config;
  return exchange(deps, (parts) =>
    Messaging.open({ ...parts, dialer, services }, { home, signer: { node, secretKey: nodeKey.secretKey } }),
  );
}

/** Messaging over the node's journal and views, told of what the journal commits. */
export async function exchange(
  deps: ExchangeDeps,
  open: (parts: LayersDeps) => Promise<Messaging>,
): Promise<Messaging> {
  const { held, journal, random } = deps;
  const messaging = await open({
    ...deps,
    // Spreads retries of many homes; nothing secret rests on it.
    prng: new SeededPrng(readUint32(random.bytes(4), 0)),
    view: held,
    outbox: held,
    commits: held,
    commit: commitBy(journal),
  });
  journal.events.on('committed', ({ entries }) => {
    const [first, last] = [entries[0], entries.at(-1)];
    if (first === undefined || last === undefined) return;
    const pdus = entries.flatMap(({ header, pdu }): Pdu[] =>
      header.kind === EntryKind.MAIL && pdu !== undefined ? [pdu] : [],
    );
    // What another node of the home accepted, it tells other homes itself, as long as it is one of the home.
    if (first.feed !== held.feed) {
      if (held.isOurs(first.feed)) messaging.queued(pdus.flatMap((pdu) => destinationsOf(messaging.home, pdu)));
      return;
    }
    const commit = { from: first.index, to: last.index + (last.header.hasBody ? 2 : 1), pdus };
    messaging.committed(commit, (pdu) => destinationsOf(messaging.home, pdu));
  });
  return messaging;
}

function commitBy(journal: Journal): Commit {
  return (work) =>
    journal.write(({ transaction, views, append }) =>
      work({
        rows: transaction,
        views,
        append: async (staged) => {
          await append(staged.map(entryOf));
        },
      }),
    );
}

function entryOf({ pdu, body, accounts }: StagedPdu): NewEntry {
  return {
    header: { kind: EntryKind.MAIL, pdu: pdu.header, accounts: [...accounts] },
    ...(body === undefined ? {} : { body, bodySha256: fromHex(pdu.body.sha256) }),
    pdu,
  };
}

/** What the HTTP server's routes call; while the node starts, stops or reopens its feed, other homes are told to wait. */
export function doorTo(current: () => Messaging | undefined): {
  readonly service: FederationService;
  readonly directory: HomeDirectory;
} {
  const open = (): Messaging => {
    const messaging = current();
    if (messaging === undefined) throw new FederationError('unavailable', 'starting or stopping', { retry: 'later' });
    return messaging;
  };
  return {
    service: {
      send: async (origin, txn, body) => open().send(origin, txn, body),
      pull: async (origin, feed, after) => open().pull(origin, feed, after),
      pdus: async (origin, ids) => open().pdus(origin, ids),
      state: async (origin, conversation, after) => open().state(origin, conversation, after),
      backfill: async (origin, conversation, from, limit) => open().backfill(origin, conversation, from, limit),
      account: async (address, after) => open().account(address, after),
      keyLog: async (after) => open().keyLog(after),
      blob: async (origin, list, number) => open().blob(origin, list, number),
      contact: (origin) => current()?.contact(origin),
    },
    directory: {
      find: async (home, signal) => open().directory.find(home, signal),
      refresh: async (home, signal) => open().directory.refresh(home, signal),
      chain: async (home, signal, atLeast) => open().directory.chain(home, signal, atLeast),
    },
  };
}
