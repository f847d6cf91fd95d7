/**
 * One account's backup: what a client would be told, written down. The file holds frames of the client protocol, each after
 * its length (u32): the home's chain, the account's chain, its vault record, its entries of each feed with their bodies, before
 * each the pieces of its large attachments, and the signed heads. So it is as secret as the server's own disk, and proves itself: entries lead link by link to heads that
 * a node of the home signed.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoSuite, concatBytes, equalBytes, fromHex, readUint32, toHex, writeUint32 } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  type Body,
  BodyState,
  decodeEntryHeader,
  decodeNodeMessage,
  type Entry,
  EntryKind,
  encodeNodeMessage,
  type FeedId,
  FRAME_BYTES_MAX,
  feedIdOf,
  type HomeDocument,
  headBytes,
  linkOf,
  type MailboxHead,
  type NodeMessage,
  ProtocolError,
  parseAccountChain,
  parseHomeChain,
  parsePdu,
} from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { BackupPieces, giveBackPiece, piecesOf } from './account-backup-pieces.ts';
import type { Accounts } from './accounts.ts';
import type { Authenticator } from './authenticator.ts';
import type { Blobs } from './blobs.ts';
import type { HomeChain } from './home-chain.ts';
import type { Journal } from './journal.ts';
import type { MailboxReader } from './mailbox-reader.ts';
import { NodeError } from './node-error.ts';
import { type Problem, type ProblemCode, problem } from './problem.ts';
import type { CheckResult } from './view-check.ts';
import { pduKey } from './view-keys.ts';
import { decodeLocations, type Location } from './view-rows.ts';

const FILE = 'account.frames';

export interface AccountBackupDeps {
  readonly suite: CryptoSuite;
  readonly accounts: Accounts;
  readonly authenticator: Pick<Authenticator, 'vaultRecord'>;
  readonly blobs: Blobs;
  readonly home: HomeChain;
  readonly journal: Journal;
  readonly reader: MailboxReader;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
}

/** Returns the bytes written. Throws NodeError `bad_folder` when `folder` is not empty. */
export async function writeAccountBackup(deps: AccountBackupDeps, address: Address, folder: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new NodeError('bad_folder', `${folder} is not empty`, { fix: 'Name a folder that is empty or new.' });
  const file = await open(join(folder, FILE), 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const message of messagesOf(deps, address)) {
      const frame = encodeNodeMessage(message);
      const length = new Uint8Array(4);
      writeUint32(length, 0, frame.length);
      await file.writev([length, frame]);
      bytes += 4 + frame.length;
    }
    await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
}

async function* messagesOf(deps: AccountBackupDeps, address: Address): AsyncGenerator<NodeMessage> {
  const { accounts, authenticator, blobs, home, reader, suite } = deps;
  const written = new Set<string>();
  for (const documentsAfter of [home.documents.bind(home), accounts.chain.bind(accounts, address)])
    yield { oneofKind: 'chain', chain: { request: 0, documents: await allOf(documentsAfter) } };
  const record = await authenticator.vaultRecord(address);
  if (record === 'owed')
    throw new NodeError('damaged', `the vault record of ${address} is not here`, {
      fix: 'Write the backup at another node, or when this one has everything of the others.',
    });
  if (record !== undefined) yield { oneofKind: 'vault', vault: { request: 0, record } };
  const heads = await reader.heads(address);
  for (const head of heads) {
    const feed = feedIdOf(head.feed);
    for (let from = 1; from <= head.number; ) {
      const place = { address, feed, from, to: head.number, newestFirst: false, headersOnly: true };
      const page = await reader.page(place);
      for (const entry of page) {
        const entries = [await withBody(reader, address, feed, entry)];
        yield* piecesOf(blobs, address, parsePdu(suite, entry.pdu).attached ?? [], written);
        yield { oneofKind: 'entries', entries: { request: 0, feed: head.feed, entries } };
      }
      from = (page.at(-1)?.number ?? head.number) + 1;
    }
  }
  yield { oneofKind: 'complete', complete: { request: 0, heads, serverTime: 0 } };
}

async function allOf(documentsAfter: (after: number) => Promise<readonly Uint8Array[]>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (;;) {
    const page = await documentsAfter(all.length);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

async function withBody(reader: MailboxReader, address: Address, feed: FeedId, entry: Entry): Promise<Entry> {
  if (entry.bodyState !== BodyState.HELD) return entry;
  const answer = await reader.body(address, feed, entry.number);
  return answer.state === 'held' ? { ...entry, bodyState: BodyState.INLINE, body: answer.body } : entry;
}

/** Throws NodeError `bad_folder` for what is no such file, or is cut off. */
export async function* readAccountBackup(folder: string): AsyncGenerator<NodeMessage> {
  let rest = new Uint8Array(0);
  try {
    for await (const chunk of createReadStream(join(folder, FILE), { highWaterMark: FRAME_BYTES_MAX })) {
      rest = concatBytes(rest, chunk as Uint8Array) as Uint8Array<ArrayBuffer>;
      while (rest.length >= 4) {
        const length = readUint32(rest, 0);
        if (length > FRAME_BYTES_MAX) throw new ProtocolError('too_large', 'a frame longer than any');
        if (rest.length < 4 + length) break;
        yield decodeNodeMessage(rest.subarray(4, 4 + length));
        rest = rest.slice(4 + length);
      }
    }
  } catch (cause) {
    if (!(cause instanceof ProtocolError) && (cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw notABackup(folder, cause);
  }
  if (rest.length > 0) throw notABackup(folder, new Error('the file ends within a frame'));
}

export interface CheckedBackup extends CheckResult {
  readonly address: Address;
  readonly entries: number;
  /** Mails of which the node that wrote it did not have all of the attachments. */
  readonly lacking: number;
}

/** Chains, bodies against their headers, pieces against their lists, and entries against the signed heads, link by link. */
export async function checkAccountBackup(suite: CryptoSuite, folder: string): Promise<CheckedBackup> {
  const check = new BackupCheck(suite);
  for await (const message of readAccountBackup(folder)) check.take(message);
  const { address } = check;
  if (address === undefined) throw notABackup(folder, new Error('the account’s chain is not there'));
  return { address, ...check.result() };
}

class BackupCheck {
  readonly #suite: CryptoSuite;
  readonly #problems: Problem[] = [];
  readonly #links = new Map<FeedId, { number: number; link: Uint8Array }>();
  #home: readonly HomeDocument[] | undefined;
  #heads: readonly MailboxHead[] | undefined;
  #checked = 0;
  #entries = 0;
  #lacking = 0;
  address: Address | undefined;

  readonly #pieces: BackupPieces;

  constructor(suite: CryptoSuite) {
    this.#suite = suite;
    this.#pieces = new BackupPieces(suite);
  }

  take(message: NodeMessage): void {
    this.#checked += 1;
    if (message.oneofKind === 'chain' && this.#home === undefined)
      this.#home = parseHomeChain(this.#suite, message.chain.documents);
    else if (message.oneofKind === 'chain')
      this.address = parseAccountChain(this.#suite, message.chain.documents).at(-1)?.address;
    else if (message.oneofKind === 'entries')
      for (const entry of message.entries.entries) this.#takeEntry(feedIdOf(message.entries.feed), entry);
    else if (message.oneofKind === 'body') this.#takePiece(message.body);
    else if (message.oneofKind === 'complete') this.#heads = message.complete.heads;
  }

  result(): Omit<CheckedBackup, 'address'> {
    if (this.#heads === undefined) this.#note('block', 'end', 'the signed heads are not there: the file is cut off');
    for (const head of this.#heads ?? []) this.#checkHead(head);
    const problems = this.#problems;
    return {
      ok: problems.length === 0,
      checked: this.#checked,
      entries: this.#entries,
      lacking: this.#lacking,
      problems,
    };
  }

  #takeEntry(feed: FeedId, entry: Entry): void {
    this.#entries += 1;
    const pdu = parsePdu(this.#suite, entry.pdu);
    const where = `${feed.slice(0, 16)}/${entry.number}`;
    if (entry.bodyState === BodyState.INLINE && this.#suite.sha256Hex(entry.body) !== pdu.body.sha256)
      this.#note('block', where, 'the body is not the one that its header names');
    if (entry.bodyState === BodyState.INLINE && !this.#pieces.hasAll(pdu.attached ?? [])) this.#lacking += 1;
    const before = this.#links.get(feed) ?? { number: 0, link: new Uint8Array(32) };
    if (entry.number !== before.number + 1) this.#note('entry', where, `it follows number ${before.number}`);
    const link = linkOf(this.#suite, before.link, { ...entry, pduId: pdu.id });
    this.#links.set(feed, { number: entry.number, link });
  }

  #takePiece(piece: Body): void {
    if (this.#pieces.take(piece) === undefined)
      this.#note('block', `piece ${piece.request}`, 'a piece of an attachment is not the one that its list names');
  }

  #checkHead(head: MailboxHead): void {
    const feed = feedIdOf(head.feed);
    const where = feed.slice(0, 16);
    const bytes = headBytes(this.address as Address, { ...head, feed });
    const nodes = (this.#home ?? []).flatMap((document) => document.nodes);
    if (!nodes.some(({ key }) => this.#suite.verify(head.signature, bytes, key)))
      this.#note('entry', where, 'its head is signed by no node of the home');
    const { number, link } = this.#links.get(feed) ?? { number: 0, link: new Uint8Array(32) };
    if (number !== head.number || toHex(link) !== toHex(head.link))
      this.#note('entry', where, 'its entries do not lead to the signed head');
  }

  #note(code: Extract<ProblemCode, 'block' | 'entry'>, where: string, message: string): void {
    this.#problems.push({ ...problem('block', where, message), code });
  }
}

/**
 * Gives the account back to its home: versions of its chain that are not here, then its entries, each PDU once. Throws
 * NodeError `damaged` when the backup does not hold, `wrong_home` when it is another's.
 */
export async function restoreAccount(deps: AccountBackupDeps, folder: string): Promise<CheckedBackup> {
  const { suite, home } = deps;
  const checked = await checkAccountBackup(suite, folder);
  const [found] = checked.problems;
  if (found !== undefined)
    throw new NodeError('damaged', `the backup does not hold: ${found.where}: ${found.message}`, { fix: found.fix });
  let chains = 0;
  let chain: readonly Uint8Array[] = [];
  const pieces = new BackupPieces(suite);
  for await (const message of readAccountBackup(folder)) {
    if (message.oneofKind === 'chain' && chains++ === 0) checkSameHome(home, message.chain.documents, suite);
    else if (message.oneofKind === 'chain') chain = message.chain.documents;
    else if (message.oneofKind === 'vault') await deps.accounts.giveBack(chain, message.vault.record);
    else if (message.oneofKind === 'body') {
      const list = pieces.take(message.body);
      if (list !== undefined) await giveBackPiece(deps.blobs, checked.address, list, message.body);
    } else if (message.oneofKind === 'entries') await giveBack(deps, checked.address, message.entries.entries);
  }
  return checked;
}

/** A home is its key: one of the same name with another key is another home. */
function checkSameHome(home: HomeChain, documents: readonly Uint8Array[], suite: CryptoSuite): void {
  const theirs = parseHomeChain(suite, documents);
  const ours = home.current;
  if (ours !== undefined && theirs.some(({ home: name, key }) => name === ours.home && equalBytes(key, ours.key)))
    return;
  throw new NodeError('wrong_home', `the backup is of an account of ${theirs[0]?.home}, with another key than ours`, {
    fix: 'Restore it at its own home.',
  });
}

async function giveBack(deps: AccountBackupDeps, address: Address, entries: readonly Entry[]): Promise<void> {
  const { feeds, journal, suite } = deps;
  await journal.write(async ({ views, append }) => {
    for (const { pdu: header, body, bodyState } of entries) {
      const pdu = parsePdu(suite, header);
      const row = await views.get(pduKey(pdu.id));
      const places = row === undefined ? [] : decodeLocations(row);
      if (bodyState !== BodyState.INLINE || (await isDelivered(feeds, views.transaction, places, address))) continue;
      const kind = pdu.type === 'note' ? EntryKind.NOTE : EntryKind.MAIL;
      const entry = { kind, pdu: pdu.header, accounts: [address] };
      await append([{ header: entry, body, bodySha256: fromHex(pdu.body.sha256), pdu }]);
    }
  });
}

/** Whether one of these entries is in the mailbox of the address. */
async function isDelivered(
  feeds: ReadonlyMap<FeedId, FeedLog>,
  reader: StoreReader,
  places: readonly Location[],
  address: Address,
): Promise<boolean> {
  for (const { feed, index } of places) {
    const block = await feeds.get(feed)?.getBlock(reader, index);
    if (block !== undefined && decodeEntryHeader(block).accounts.includes(address)) return true;
  }
  return false;
}

function notABackup(folder: string, cause: unknown): NodeError {
  return new NodeError('bad_folder', `${folder} holds no backup of an account that can be read`, {
    cause,
    fix: 'Name the folder that `restante backup --account` wrote.',
  });
}
