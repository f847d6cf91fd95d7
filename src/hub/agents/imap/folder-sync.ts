/**
 * Brings what is known of one folder into line with the server. Newest first: when a folder is looked at for the first time,
 * its newest messages are fetched and told before anything else is asked. With CONDSTORE the server says what has changed; without,
 * what came, and the flags of the newest, and from time to time all flags. That no message has gone unheard is known by counting:
 * only when the counts differ are all UIDs compared.
 */
import type { FetchMessageObject, FetchQueryObject, ImapFlow } from 'imapflow';
import { readMessage } from '../../../jmap/mime/index.ts';
import { HubError } from '../../hub-error.ts';
import type { AgentLine } from '../line.ts';
import { isRefusal } from './imap-connection.ts';
import type { FolderMark, FolderRef, ImapAgentCalls, ImapToldCalls, RemoteMessage } from './imap-protocol.ts';
import { isDeleted, keywordsOf } from './keywords.ts';
import { FIRST_SCREEN, FLAGS_WINDOW, HEADER_BATCH, REFUSED_MESSAGES_MAX, UIDS_MAX } from './limits.ts';
import { sectionOf } from './message-octets.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { uidSetOf, uidsIn } from './uid-set.ts';

export interface FolderSyncDeps {
  readonly client: ImapFlow;
  readonly line: AgentLine<ImapToldCalls, ImapAgentCalls>;
  /** How many headers are still to be fetched of this folder. */
  readonly onLeft: (count: number) => void;
}

export interface FolderTurn {
  readonly path: string;
  /** As STATUS has just said; undefined where it was not asked. */
  readonly unseen: number | undefined;
  /** Where there are no mod-sequences: whether the flags of all messages are to be read. */
  readonly readsAllFlags: boolean;
}

const HEADER: FetchQueryObject = { uid: true, flags: true, internalDate: true, size: true, headers: true };
const FLAGS: FetchQueryObject = { uid: true, flags: true };
/** Gmail's are numbers of 64 bits. */
const MESSAGE_ID = /^\d{1,20}$/;

/** The folder as it is now, once everything of it was told. Answers why messages are left out, one reason for each. */
export async function syncFolder(
  deps: FolderSyncDeps,
  turn: FolderTurn,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const { client, line, onLeft } = deps;
  const { path, readsAllFlags, unseen } = turn;
  const { folder, known, mark, missing } = await selected(client, path, async () => {
    // Anew, although it may be selected already: only then are its counts and its mod-sequence those of now.
    const { uidValidity: life } = await client.mailboxOpen(path);
    const uidValidity = String(life);
    const folder = { path, uidValidity };
    const mark = { ...markOf(client), unseen };
    const { known, mark: before } = await line.call('opened', folder, signal);
    if (known === 0 && mark.messages > 0) await tellFirstScreen(deps, folder, mark, signal);
    const missing =
      (before === undefined
        ? undefined
        : await tellChanges(deps, folder, { before, now: mark, readsAllFlags }, signal)) ??
      (await compare(deps, folder, known > 0, signal));
    return { folder, known, mark, missing };
  });
  const refusals: unknown[] = [];
  // Those before are written down while the next are fetched.
  const telling = new OneAtATime();
  for (let at = 0; at < missing.length; at += HEADER_BATCH) {
    onLeft(missing.length - at);
    const uids = missing.subarray(at, at + HEADER_BATCH);
    const fetched = await inFolder(client, folder, () => fetchHeaders(client, uids, refusals));
    await telling.begin(() => tell(deps, folder, fetched, signal));
  }
  await telling.ended();
  onLeft(0);
  const isAllRefused = refusals.length > 0 && refusals.length === missing.length;
  // Nothing of the folder could ever be read: then it is the folder that is refused.
  if (isAllRefused && known === 0) throw refusals[0];
  // It may be for a while: the next look asks for them again.
  if (!isAllRefused) await line.call('synced', { ...folder, mark }, signal);
  return refusals;
}

/** One message that the server cannot read itself makes it refuse all that were asked for with it: the others are read. */
async function fetchHeaders(
  client: ImapFlow,
  uids: Uint32Array,
  refusals: unknown[],
): Promise<readonly FetchMessageObject[]> {
  try {
    return await client.fetchAll(uidSetOf(uids), HEADER, { uid: true });
  } catch (error) {
    if (!client.usable || !isRefusal(error)) throw error;
    if (uids.length === 1) {
      if (refusals.push(error) > REFUSED_MESSAGES_MAX) throw error;
      return [];
    }
    const middle = uids.length >> 1;
    const first = await fetchHeaders(client, uids.subarray(0, middle), refusals);
    return [...first, ...(await fetchHeaders(client, uids.subarray(middle), refusals))];
  }
}

/** Throws HubError `absent` when the folder has another life than the one that is meant. */
export async function inFolder<Result>(
  client: ImapFlow,
  { path, uidValidity }: FolderRef,
  work: () => Promise<Result>,
): Promise<Result> {
  return selected(client, path, async (now) => {
    if (now !== uidValidity) throw new HubError('absent', `${path} was made anew at the server`, { retry: 'now' });
    return work();
  });
}

/** Whatever life the folder has. */
export async function selected<Result>(
  client: ImapFlow,
  path: string,
  work: (uidValidity: string) => Promise<Result>,
): Promise<Result> {
  const lock = await client.getMailboxLock(path);
  try {
    if (client.mailbox === false) throw new HubError('server_unreachable', 'the connection ended', { retry: 'now' });
    return await work(String(client.mailbox.uidValidity));
  } finally {
    lock.release();
  }
}

function markOf({ mailbox }: ImapFlow): FolderMark {
  if (mailbox === false) throw new HubError('server_unreachable', 'the connection ended', { retry: 'now' });
  const { exists, highestModseq, noModseq, uidNext } = mailbox;
  const modseq = highestModseq === undefined || noModseq === true ? undefined : String(highestModseq);
  return { messages: exists, uidNext, modseq };
}

async function tellFirstScreen(
  deps: FolderSyncDeps,
  folder: FolderRef,
  { messages: exists }: FolderMark,
  signal: AbortSignal,
): Promise<void> {
  const { client } = deps;
  try {
    const newest = await client.fetchAll(`${Math.max(1, exists - FIRST_SCREEN + 1)}:*`, HEADER);
    await tell(deps, folder, newest, signal);
  } catch (error) {
    // They are asked for again with all others.
    if (!client.usable || !isRefusal(error)) throw error;
  }
}

interface Marks {
  readonly before: FolderMark;
  readonly now: FolderMark;
  readonly readsAllFlags: boolean;
}

/** What is missing after that, newest first; undefined when all is to be compared. */
async function tellChanges(
  deps: FolderSyncDeps,
  folder: FolderRef,
  { before, now, readsAllFlags }: Marks,
  signal: AbortSignal,
): Promise<Uint32Array | undefined> {
  const { client, line } = deps;
  const changes = new Changes(line, folder);
  let isAll: boolean;
  if (before.modseq !== undefined && now.modseq !== undefined) {
    await readChanged(client, changes, BigInt(before.modseq), signal);
    // Of what has gone a server without QRESYNC says nothing, and those that have it forget some.
    isAll = (await countOf(client, folder)) === changes.known + changes.missing.length;
  } else {
    const came = now.uidNext - before.uidNext;
    // Numbers that nobody said, or that went backwards.
    if (readsAllFlags || !(came >= 0)) return undefined;
    const first = Math.max(1, now.messages - came - FLAGS_WINDOW + 1);
    if (now.messages > 0) await changes.read(client.fetch(`${first}:*`, FLAGS), signal);
    const isNew = (uid: number): boolean => uid >= before.uidNext && uid < now.uidNext;
    isAll = now.messages === before.messages + changes.uids.filter(isNew).length;
  }
  if (!isAll) return tellPresent(deps, folder, signal);
  return Uint32Array.from(changes.missing.sort((a, b) => b - a));
}

/** With QRESYNC the server also says what has gone. */
async function readChanged(
  client: ImapFlow,
  changes: Changes,
  changedSince: bigint,
  signal: AbortSignal,
): Promise<void> {
  const onExpunge = ({ uid }: { readonly uid?: number | undefined }): void => {
    if (uid !== undefined) changes.gone.push(uid);
  };
  client.on('expunge', onExpunge);
  try {
    await changes.read(client.fetch('1:*', FLAGS, { uid: true, changedSince }), signal);
  } finally {
    client.off('expunge', onExpunge);
  }
}

/** Of a folder, told some at a time: each time is one transaction of the store, and nobody reads while it goes on. */
class Changes {
  readonly flags: { readonly uid: number; readonly keywords: readonly string[] }[] = [];
  readonly gone: number[] = [];
  /** All that the server named, whatever became of it. */
  readonly uids: number[] = [];
  /** Of what was told, what is not known there. */
  readonly missing: number[] = [];
  /** Messages of the folder that are known there, after all was told. */
  known = 0;
  readonly #line: FolderSyncDeps['line'];
  readonly #folder: FolderRef;

  constructor(line: FolderSyncDeps['line'], folder: FolderRef) {
    this.#line = line;
    this.#folder = folder;
  }

  async read(messages: AsyncIterable<FetchMessageObject>, signal: AbortSignal): Promise<void> {
    for await (const { flags = [], uid } of messages) {
      this.uids.push(uid);
      if (isDeleted(flags)) this.gone.push(uid);
      else this.flags.push({ uid, keywords: keywordsOf(flags) });
      if (this.flags.length >= HEADER_BATCH || this.gone.length >= HEADER_BATCH) await this.#tell(signal);
    }
    do await this.#tell(signal);
    while (this.flags.length > 0 || this.gone.length > 0);
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const [flags, gone] = [this.flags.splice(0, HEADER_BATCH), this.gone.splice(0, HEADER_BATCH)];
    const { known, missing } = await this.#line.call('changes', { ...this.#folder, flags, gone }, signal);
    this.missing.push(...missing);
    this.known = known;
  }
}

/** All UIDs and all flags. */
async function compare(
  deps: FolderSyncDeps,
  folder: FolderRef,
  hasKnown: boolean,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const missing = await tellPresent(deps, folder, signal);
  if (hasKnown) await new Changes(deps.line, folder).read(deps.client.fetch('1:*', FLAGS, { uid: true }), signal);
  return missing;
}

/** What is missing, newest first, now that it is known which messages there are. */
async function tellPresent(
  { client, line }: FolderSyncDeps,
  folder: FolderRef,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const uids = await allUids(client);
  if (uids === undefined) throw new HubError('server_unreachable', `${folder.path} cannot be searched`);
  return (await line.call('present', { ...folder, uids }, signal)).missing;
}

/** As runs where the server has ESEARCH, which are a hundredth of a list; undefined for an answer that does not say. */
async function allUids(client: ImapFlow): Promise<Uint32Array | undefined> {
  const found = await client.search({ deleted: false }, { uid: true, returnOptions: ['COUNT', 'ALL'] });
  if (Array.isArray(found)) return Uint32Array.from(found);
  if (found === false || found?.count === undefined) return undefined;
  // Of no messages there is no set (RFC 4731, section 3.1).
  return found.all === undefined && found.count === 0 ? new Uint32Array(0) : uidsIn(found.all ?? '', UIDS_MAX);
}

/** How many messages there are; undefined for an answer that does not say. */
async function countOf(client: ImapFlow, { path }: FolderRef): Promise<number | undefined> {
  const found = await client.search({ deleted: false }, { uid: true, returnOptions: ['COUNT'] });
  if (found === false || found === undefined) throw new HubError('server_unreachable', `${path} cannot be searched`);
  return Array.isArray(found) ? found.length : found.count;
}

async function tell(
  { client, line }: FolderSyncDeps,
  folder: FolderRef,
  fetched: readonly FetchMessageObject[],
  signal: AbortSignal,
): Promise<void> {
  const hasLabels = client.capabilities.has('X-GM-EXT-1');
  const messages = fetched.flatMap((message) => {
    const told = toldMessage(message, hasLabels);
    return told === undefined ? [] : [told];
  });
  messages.sort((a, b) => b.uid - a.uid);
  if (messages.length > 0) await line.call('messages', { ...folder, messages }, signal);
}

/** Undefined for what is flagged as deleted, and for an answer that is not one to the question. */
function toldMessage(
  { emailId = '', flags = new Set(), headers, internalDate, size, uid }: FetchMessageObject,
  hasLabels: boolean,
): RemoteMessage | undefined {
  const header = sectionOf(headers);
  if (header === undefined || isDeleted(flags) || !Number.isInteger(uid) || uid < 1) return undefined;
  // A copy: the bytes are sent on, and not the buffer that they came in.
  const headerBlock = Uint8Array.from(readMessage(header).headerBlock);
  return {
    uid,
    messageId: hasLabels && MESSAGE_ID.test(emailId) ? emailId : undefined,
    size: size ?? header.length,
    receivedAt: timeOf(internalDate),
    keywords: keywordsOf(flags),
    headerBlock,
  };
}

function timeOf(internalDate: Date | string | undefined): number {
  const at = internalDate instanceof Date ? internalDate.getTime() : Date.parse(internalDate ?? '');
  return Number.isFinite(at) ? at : 0;
}
