/** Builds what a client is made of, in the order of who needs whom. */

import { type Emitter, InlineSignatureChecker, type SignatureChecker } from '../base/index.ts';
import { type Address, type Attached, deviceIdOf, homeOf, type PduId } from '../protocol/index.ts';
import type { StoreTransaction } from '../store/index.ts';
import type { BodyWorker } from '../vault/index.ts';
import type { DeviceProfile } from './account/device-profile.ts';
import { Alarms } from './alarms.ts';
import { Staging } from './attachments/staging.ts';
import { Uploader } from './attachments/uploader.ts';
import type { ClientDeps, ClientOptions } from './client.ts';
import { ClientError } from './client-error.ts';
import type { ClientEvents, KeyChange } from './client-events.ts';
import { Composer } from './compose/composer.ts';
import { LetterWriter } from './compose/letters.ts';
import { PduWriter } from './compose/sealed-mail.ts';
import { ConnectionError, type NodeConnection } from './connection/index.ts';
import { Contacts, type LookUp } from './contacts/contacts.ts';
import { HomePin } from './contacts/home-pin.ts';
import { HomePins } from './contacts/home-pins.ts';
import { KeyLogs } from './contacts/key-logs.ts';
import { OwnKeys } from './contacts/own-keys.ts';
import { Conversations } from './conversations/conversations.ts';
import { mailOfCopy } from './deliveries/blind-copies.ts';
import { Deliveries } from './deliveries/deliveries.ts';
import { Folders } from './folders/folders.ts';
import { BodyFetcher } from './history/body-fetcher.ts';
import { Erasing } from './history/erasing.ts';
import { GivingBack } from './history/giving-back.ts';
import { HeadIntake } from './history/head-intake.ts';
import { History } from './history/history.ts';
import { LostBodies } from './history/lost-bodies.ts';
import { Mailboxes } from './history/mailboxes.ts';
import { PageIntake } from './history/page-intake.ts';
import { createReport, type Report } from './history/report.ts';
import { Unverified } from './history/unverified.ts';
import { Indexer } from './index/indexer.ts';
import { LOOK_UP_CONNECTIONS_MAX } from './limits.ts';
import { MailIndex } from './mail/mail-index.ts';
import { Mailbox } from './mail/mailbox.ts';
import { Sealer } from './mail/sealer.ts';
import { NodeNetwork } from './network/node-network.ts';
import { Nodes } from './network/nodes.ts';
import { NOTES_CONVERSATION } from './notes/note-body.ts';
import { Notes } from './notes/notes.ts';
import { LetterHandover } from './outbox/letter-handover.ts';
import { Outbox } from './outbox/outbox.ts';
import { OutboxSender } from './outbox/outbox-sender.ts';
import { openSchema } from './schema.ts';

/** What the parts ask of the connection, before there is one. */
export interface Wire {
  connection: NodeConnection | undefined;
  /** What the node said of itself that was connected last. */
  info: NodeConnection['info'] | undefined;
  /** Whether a connection has followed one that ended; false: nobody answers, or nobody has asked for one. */
  reconnected: () => Promise<boolean>;
  serverTimeOffsetMs: number;
  onSuperseded: (places: Parameters<Erasing['supersede']>[1]) => void;
  onChange: () => void;
  onSettled: () => void;
  /** A body is lacking that was here. */
  onOwed: () => void;
}

export interface Parts {
  readonly wire: Wire;
  readonly alarms: Alarms;
  readonly home: HomePin;
  readonly contacts: Contacts;
  readonly ownKeys: OwnKeys;
  readonly network: NodeNetwork;
  readonly nodes: Nodes;
  readonly outbox: Outbox;
  readonly sender: OutboxSender;
  readonly writer: PduWriter;
  readonly composer: Composer;
  readonly conversations: Conversations;
  readonly notes: Notes;
  readonly indexer: Indexer;
  readonly mailbox: Mailbox;
  readonly folders: Folders;
  readonly deliveries: Deliveries;
  readonly history: History;
  readonly mailboxes: Mailboxes;
  readonly unverified: Unverified;
  readonly erasing: Erasing;
  readonly profile: () => DeviceProfile;
  /** Keeps the profile and works with its secrets from now on. */
  readonly changeProfile: (profile: DeviceProfile) => Promise<void>;
  readonly report: () => Promise<Report>;
  readonly closeVault: () => Promise<void>;
}

export async function openParts(
  deps: ClientDeps,
  options: Required<ClientOptions>,
  events: Emitter<ClientEvents>,
): Promise<Parts> {
  await openSchema(deps.store);
  const base = await openBase(deps, options, events);
  const writing = createWriting(deps, options, base);
  // Nothing is encrypted yet: what no mail names was left by a program that ended.
  await base.staging.sweep(base.outbox.attachedLists);
  await base.indexer.tryAgain(options.profile.secrets.certificate);
  const history = createHistory(deps, options, base, events);
  const { contacts, wire } = base;
  // Notes need the composer's certificates, the composer needs the mailbox, the mailbox needs the notes.
  const composer: Composer = createComposer(deps, options, { ...base, ...writing }, { events, mailbox: () => mailbox });
  const notes = createNotes(deps, options, { ...base, ...writing, composer });
  const mailbox = new Mailbox({
    ...deps,
    now: () => writing.writer.now(),
    ...writing,
    vault: base.secrets.vault,
    contacts,
    lost: base.lost,
    notes,
    onChange: () => wire.onChange(),
  });
  return {
    ...base,
    ...writing,
    ...history,
    composer,
    notes,
    mailbox,
    folders: new Folders({ ...deps, ...writing, notes, onChange: () => wire.onChange() }),
    deliveries: new Deliveries({
      ...deps,
      mailOf: (id) => mailOfCopy(base.index, deps.store, id),
      onReport: (report) => events.emit('delivery', report),
    }),
    sender: createSender(deps, base, events),
    erasing: new Erasing({ ...deps, mailboxes: base.mailboxes }),
    profile: base.secrets.profile,
    changeProfile: async (profile) => {
      await base.secrets.change(profile);
      await base.indexer.tryAgain(profile.secrets.certificate);
    },
    closeVault: base.secrets.close,
  };
}

type Base = Pick<
  Parts,
  | 'wire'
  | 'alarms'
  | 'home'
  | 'contacts'
  | 'ownKeys'
  | 'conversations'
  | 'network'
  | 'nodes'
  | 'outbox'
  | 'mailboxes'
  | 'indexer'
> & {
  readonly signatures: SignatureChecker;
  readonly index: MailIndex;
  readonly lost: LostBodies;
  readonly sealer: Sealer;
  readonly secrets: Secrets;
  readonly staging: Staging;
};

/** What is read from the store, and leans on nothing else of the client. */
async function openBase(
  deps: ClientDeps,
  options: Required<ClientOptions>,
  events: Emitter<ClientEvents>,
): Promise<Base> {
  const { store, suite } = deps;
  const { address: own, device, secrets: account } = options.profile;
  const wire: Wire = {
    connection: undefined,
    info: undefined,
    reconnected: async () => false,
    serverTimeOffsetMs: 0,
    onSuperseded: () => undefined,
    onChange: () => undefined,
    onSettled: () => undefined,
    onOwed: () => undefined,
  };
  const alarms = await Alarms.open({ ...deps, onAlarm: (alarm) => events.emit('alarm', alarm) });
  const home = await HomePin.open({ suite, store, alarms }, homeOf(own));
  const homes = new HomePins({ ...deps, alarms, own: home });
  const keyLogs = new KeyLogs({ ...deps, alarms, homes });
  const onKeyChanged = (change: KeyChange): void => events.emit('key_changed', change);
  const contacts = new Contacts({ ...deps, alarms, homes, keyLogs, onKeyChanged }, { own });
  const ownKeys = new OwnKeys({ alarms, contacts, home, keyLogs }, { own });
  const network = new NodeNetwork({ ...deps, home }, { address: own, device });
  const nodes = await Nodes.open({ ...deps, home, network }, options);
  const sealer = new Sealer(deps, account.storageKey);
  const outbox = await Outbox.open({ store, sealer }, (change) => events.emit('outbox', change));
  const mailboxes = await Mailboxes.open(store, { own });
  const index = new MailIndex({ sealer, onSaid: (subject) => events.emit('said', { subject }) }, options);
  const secrets = await openSecrets(deps, options.profile);
  const thisDevice = deviceIdOf(suite, device.publicKey);
  const lost = new LostBodies({ ...deps, onOwed: () => wire.onOwed() });
  const indexer = new Indexer({
    ...deps,
    lost,
    vault: secrets.vault,
    contacts,
    index,
    onOpened: (id, mime) => events.emit('opened', { id, mime }),
    onIndexed: ({ id, conversation, from, subject }) => events.emit('arrived', { id, conversation, from, subject }),
    onChanged: ({ id, keywords }) => events.emit('changed', { id, keywords }),
    onSuperseded: (places, author) => {
      if (author === thisDevice) wire.onSuperseded(places);
    },
  });
  const signatures = deps.signatures ?? new InlineSignatureChecker(suite);
  const connection = (): NodeConnection | undefined => wire.connection;
  const conversations = new Conversations({ ...deps, signatures, alarms, contacts, connection, outbox }, { own });
  const people = { alarms, home, contacts, ownKeys, conversations, network, nodes };
  const staging = new Staging(deps);
  return { wire, ...people, outbox, mailboxes, sealer, index, lost, secrets, signatures, indexer, staging };
}

type Writing = Pick<Parts, 'writer'> & { readonly index: MailIndex };

function createWriting(deps: ClientDeps, { profile }: ClientOptions, { index, secrets, wire }: Base): Writing {
  const writer = new PduWriter(
    { ...deps, vault: secrets.vault, serverTimeOffsetMs: () => wire.serverTimeOffsetMs },
    { author: profile.address, device: profile.device },
  );
  return { writer, index };
}

function createComposer(
  { findOrdinaryKey = async () => undefined, random, suite }: ClientDeps,
  { profile }: ClientOptions,
  { contacts, conversations, secrets, staging, wire, writer }: Base & Writing,
  { events, mailbox }: { readonly events: Emitter<ClientEvents>; readonly mailbox: () => Mailbox },
): Composer {
  const onProgress = (attachment: string, done: number, total: number): void =>
    events.emit('attachment', { stage: 'encrypting', attachment, done, total });
  return new Composer(
    {
      suite,
      random,
      writer,
      attaching: { staging, onProgress },
      letters: new LetterWriter({
        random,
        vault: secrets.vault,
        staging,
        onProgress,
        bytesMax: () => letterBytesOf(wire.info),
        findKey: findOrdinaryKey,
      }),
      lookUp: (address) => lookUpAnyhow(contacts, wire, address),
      writable: (conversation, wish) => conversations.writable(conversation, wish),
      answered: async (id) => {
        const { summary, text } = await mailbox().read(id);
        return { conversation: summary.conversation, messageId: text.messageId, references: text.references };
      },
    },
    { own: profile.address },
  );
}

/** The largest letter that a node takes; 0: none, or there is no node. */
export function letterBytesOf(info: NodeConnection['info'] | undefined): number {
  return info === undefined ? 0 : Math.max(info.letterBytes, info.largeLetterBytes);
}

function createSender(deps: ClientDeps, { outbox, staging }: Base, events: Emitter<ClientEvents>): OutboxSender {
  const onProgress = ({ list, size }: Attached, done: number): void =>
    events.emit('attachment', { stage: 'sending', attachment: list, done, total: size });
  const uploader = new Uploader({ staging, onProgress });
  return new OutboxSender({ ...deps, outbox, uploader, letters: new LetterHandover({ staging, onProgress }) });
}

function createNotes(
  deps: ClientDeps,
  { profile }: ClientOptions,
  { composer, index, outbox, sealer, writer }: Base & Writing & Pick<Parts, 'composer'>,
): Notes {
  const { store, suite } = deps;
  const own = profile.address;
  const send = async (mime: Uint8Array, alongside: (transaction: StoreTransaction) => void): Promise<PduId> => {
    const certificates = [...(await composer.certificatesOf([own])).values()];
    const place = { conversation: NOTES_CONVERSATION, recipients: [own], prev: [], depth: 1, nonce: undefined };
    const { pdu, body } = await writer.write({ type: 'note', ...place, certificates, mime });
    await store.transact((transaction) => {
      outbox.add(transaction, pdu, body);
      alongside(transaction);
    });
    return pdu.id;
  };
  return new Notes({ store, index, sealer, send }, { device: deviceIdOf(suite, profile.device.publicKey) });
}

function createHistory(
  deps: ClientDeps,
  { profile }: ClientOptions,
  base: Base,
  events: Emitter<ClientEvents>,
): Pick<Parts, 'history' | 'unverified' | 'report'> {
  const { alarms, contacts, indexer, mailboxes, nodes, signatures, wire } = base;
  const onStored = (): void => indexer.wake();
  const bodies = new BodyFetcher({ ...deps, alarms, mailboxes, onStored });
  const unverified = new Unverified({ ...deps, contacts, onStored });
  const history = new History(
    {
      ...deps,
      alarms,
      mailboxes,
      heads: new HeadIntake({ ...deps, alarms, mailboxes }),
      pages: new PageIntake({ ...deps, signatures, alarms, contacts, mailboxes }, { own: profile.address }),
      bodies,
      givingBack: new GivingBack({ ...deps, mailboxes }),
    },
    {
      onStored: (entries) => {
        if (entries === 0) return;
        onStored();
        events.emit('progress', { entries });
      },
      onRestored: (node, { feed, number }) => events.emit('server_restored', { node, feed, heldBeyond: number }),
      onSettled: () => wire.onSettled(),
    },
  );
  const report = async (): Promise<Report> => {
    const names = nodes.directory.nodes.map(({ name }) => name);
    const counts = { pendingBodies: await bodies.pendingCount(), unverified: await unverified.count() };
    return createReport(mailboxes, names, nodes.away, counts);
  };
  return { history, unverified, report };
}

interface Secrets {
  readonly vault: () => BodyWorker;
  readonly profile: () => DeviceProfile;
  readonly change: (profile: DeviceProfile) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The newest secrets and the worker that has them. A worker that is replaced ends when what it took is done. */
async function openSecrets(deps: ClientDeps, profile: DeviceProfile): Promise<Secrets> {
  let current = { profile, vault: await deps.openVault(profile.secrets) };
  const closing = new Set<Promise<void>>();
  return {
    vault: () => current.vault,
    profile: () => current.profile,
    change: async (next) => {
      await deps.saveProfile(next);
      const before = current.vault;
      current = { profile: next, vault: await deps.openVault(next.secrets) };
      const closed = before[Symbol.asyncDispose]().finally(() => closing.delete(closed));
      closing.add(closed);
    },
    close: async () => {
      await current.vault[Symbol.asyncDispose]();
      await Promise.all(closing);
    },
  };
}

/** A connection that ends meanwhile, as when another node is better, is replaced, and the next one is asked. */
async function lookUpAnyhow(contacts: Contacts, wire: Wire, address: Address): Promise<LookUp> {
  for (let tries = 1; ; tries++) {
    if (wire.connection?.isOpen === true) {
      try {
        return await contacts.fresh(wire.connection, address);
      } catch (error) {
        const isCut = error instanceof ConnectionError && error.code === 'closed';
        if (!isCut || tries >= LOOK_UP_CONNECTIONS_MAX) throw error;
      }
    } else if (tries > LOOK_UP_CONNECTIONS_MAX || (await contacts.find(address)) !== undefined)
      return lookUpOffline(contacts, address);
    // Just between two nodes there is none either: who is not known is worth the wait for the next.
    if (!(await wire.reconnected())) return lookUpOffline(contacts, address);
  }
}

/** Who is offline writes to people known already, by what was verified then. */
async function lookUpOffline(contacts: Contacts, address: Address): Promise<LookUp> {
  const contact = await contacts.find(address);
  if (contact === undefined)
    throw new ClientError('offline', `${address} was never looked up, and no node is connected`, {
      retry: 'later',
      fix: 'connect once; after that you can write to this address offline',
    });
  const alarm = contacts.alarmOf(address);
  return alarm === undefined ? { status: 'known', contact } : { status: 'alarm', code: alarm, contact };
}
