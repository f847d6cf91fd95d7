/** What a node answers to each request of a client (docs/protocol/client.md): permission first, then the work. */
import { type Clock, fromHex, unreachable } from '../base/index.ts';
import {
  type Address,
  BodyState,
  type ClientInfo,
  type ClientMessage,
  DOCUMENT_BYTES_MAX,
  type Entry,
  EntryKind,
  type Erase,
  EraseReason,
  type FeedId,
  type FeedPosition,
  type Fetch,
  From,
  feedIdOf,
  type MailboxHead,
  type NodeMessage,
  ProtocolError,
  parseAddress,
  type Range,
  ReceiptStatus,
  requestNumberOf,
  type Submit,
  type Sync,
  VAULT_RECORD_BYTES_MAX,
} from '../protocol/index.ts';
import type { ChainResult, ChainWriter } from './accounts.ts';
import type { Authenticator } from './authenticator.ts';
import type { Blobs } from './blobs.ts';
import { Follower } from './follower.ts';
import type { Intake } from './intake.ts';
import type { Journal } from './journal.ts';
import { ERASE_RANGES_MAX } from './limits.ts';
import type { Lookups } from './lookups.ts';
import type { MailboxReader } from './mailbox-reader.ts';
import type { Metrics } from './metrics.ts';
import type { RegistrationRate } from './registration-rate.ts';
import type { Identity, Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Submission } from './submission.ts';

export interface RequestHandlerDeps {
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly blobs: Blobs;
  readonly chains: ChainWriter;
  readonly intake: Intake;
  readonly journal: Journal;
  readonly lookups: Lookups;
  readonly metrics: Metrics;
  readonly reader: MailboxReader;
  /** Of an open home. Where it takes an invitation, the operator decides how many. */
  readonly registrationRate: RegistrationRate | undefined;
  readonly sessions: Sessions;
  /** A client showed a head of ours beyond what we hold: this node was restored from an older state. */
  readonly onRolledBack: (feed: FeedId) => void;
}

type Request = Exclude<ClientMessage, { oneofKind: 'auth' | 'submit' | 'cancel' }>;

interface NumberRange {
  readonly feed: FeedId;
  readonly from: number;
  readonly to: number;
}

export class RequestHandler {
  readonly #deps: RequestHandlerDeps;

  constructor(deps: RequestHandlerDeps) {
    this.#deps = deps;
  }

  async submit(identity: Identity, submit: Submit): Promise<NodeMessage> {
    const { clock, intake, metrics } = this.#deps;
    const startedAt = clock.monotonic();
    const submission = await intake.submit(identity, submit.pdu, submit.withBody ? submit.body : undefined);
    metrics.submitSeconds.observe((clock.monotonic() - startedAt) / 1000);
    metrics.receipts.inc({ status: submission.status });
    return { oneofKind: 'receipt', receipt: receiptOf(submit.request, submission) };
  }

  async headMessage(address: Address): Promise<NodeMessage> {
    return {
      oneofKind: 'head',
      head: { heads: await this.#deps.reader.heads(address), serverTime: this.#serverTime() },
    };
  }

  async handle(session: Session, message: Request, signal: AbortSignal): Promise<void> {
    try {
      await this.#dispatch(session, message, signal);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      session.refuseAndClose(error.code, error.message);
    }
  }

  async #dispatch(session: Session, message: Request, signal: AbortSignal): Promise<void> {
    switch (message.oneofKind) {
      case 'ping':
        return session.send({
          oneofKind: 'pong',
          pong: { request: message.ping.request, serverTime: this.#serverTime() },
        });
      case 'getEnrolment': {
        const { request, address } = message.getEnrolment;
        const parameters = await this.#deps.authenticator.enrolmentParameters(parseAddress(address));
        if (parameters === 'uncertain') return session.refuse(request, 'unavailable', 'this node cannot tell that now');
        return session.send({ oneofKind: 'enrolment', enrolment: { request, parameters } });
      }
      case 'getChain':
        return this.#deps.lookups.getChain(session, message.getChain);
      case 'appendChain':
        return this.#appendChain(session, message.appendChain);
      default:
        break;
    }
    const { identity } = session;
    if (identity === undefined) return session.refuse(requestNumberOf(message), 'auth_needed', 'authenticate first');
    if (message.oneofKind === 'getVault') {
      const [{ request }, record] = [message.getVault, await this.#deps.authenticator.vaultRecord(identity.address)];
      if (record === undefined) return session.refuse(request, 'unknown', 'this account has no vault record');
      if (record === 'owed') return session.refuse(request, 'unavailable', 'the vault record is not here yet');
      return session.send({ oneofKind: 'vault', vault: { request, record } });
    }
    // Whoever enrols a device checks the keys that it is shown before the device is in.
    if (message.oneofKind === 'getKeyLog') return this.#deps.lookups.getKeyLog(session, message.getKeyLog);
    if (identity.device === undefined)
      return session.refuse(requestNumberOf(message), 'auth_needed', 'only a device of the account may do this');
    return this.#dispatchForDevice(session, identity.address, message, signal);
  }

  async #dispatchForDevice(
    session: Session,
    address: Address,
    message: Exclude<
      Request,
      { oneofKind: 'ping' | 'getEnrolment' | 'getChain' | 'appendChain' | 'getVault' | 'getKeyLog' }
    >,
    signal: AbortSignal,
  ): Promise<void> {
    switch (message.oneofKind) {
      case 'clientInfo':
        return this.#clientInfo(session, address, message.clientInfo, signal);
      case 'sync':
        return this.#sync(session, address, message.sync, signal);
      case 'fetch':
        return this.#fetch(session, address, message.fetch);
      case 'erase':
        return this.#erase(session, address, message.erase);
      case 'watch':
        return this.#complete(session, address, message.watch.request);
      case 'putBlob': {
        const { request, list } = message.putBlob;
        if (list.length !== 32) return session.refuse(request, 'malformed', 'the name of a chunk list has 32 bytes');
        const submission = await this.#deps.blobs.put(address, message.putBlob);
        return session.send({ oneofKind: 'receipt', receipt: receiptOf(request, submission) });
      }
      case 'getBlob': {
        const { request, list, number } = message.getBlob;
        if (list.length !== 32) return session.refuse(request, 'malformed', 'the name of a chunk list has 32 bytes');
        const answer = await this.#deps.blobs.get(address, list, number);
        const body = answer.state === 'held' ? answer.body : EMPTY;
        return session.send({ oneofKind: 'body', body: { request, state: BODY_STATES[answer.state], body } });
      }
      case 'askBlobs': {
        const { request, list } = message.askBlobs;
        if (list.length !== 32) return session.refuse(request, 'malformed', 'the name of a chunk list has 32 bytes');
        return session.send({ oneofKind: 'blobs', blobs: { request, held: [...(await this.#deps.blobs.held(list))] } });
      }
      case 'getDeliveries':
        return this.#deps.lookups.getDeliveries(session, address, message.getDeliveries);
      case 'letter':
      case 'letterPiece':
        return this.#deps.lookups.takeLetter(session, address, message);
      case 'getConversation':
        return this.#deps.lookups.getConversation(session, address, message.getConversation);
      default:
        unreachable(message);
    }
  }

  async #appendChain(
    session: Session,
    append: { request: number; document: Uint8Array; vault: Uint8Array; invite: string },
  ): Promise<void> {
    const { chains, registrationRate, sessions } = this.#deps;
    if (append.document.length > DOCUMENT_BYTES_MAX || append.vault.length > VAULT_RECORD_BYTES_MAX)
      return session.refuse(append.request, 'too_large', 'the document or the vault record is too large');
    const { identity } = session;
    const leave = identity === undefined ? registrationRate?.take(session.remote) : undefined;
    if (leave?.taken === false)
      return session.refuse(append.request, 'rate_limited', 'too many new accounts at once', {
        fix: 'Try again later.',
        retryAfterMs: leave.waitMs,
      });
    let result: ChainResult;
    if (identity === undefined) result = await chains.register(append.document, append.vault, append.invite);
    else
      result = await chains.extend(
        identity.address,
        append.document,
        append.vault.length > 0 ? append.vault : undefined,
      );
    if (result.status === 'refused') return session.refuse(append.request, result.code, result.why);
    const { document } = result;
    await session.send({ oneofKind: 'chain', chain: { request: append.request, documents: [document.signed.bytes] } });
    sessions.keepOnly(document);
  }

  async #clientInfo(session: Session, address: Address, info: ClientInfo, signal: AbortSignal): Promise<void> {
    const { reader, sessions } = this.#deps;
    if (info.version !== 1) return session.refuse(info.request, 'version', 'this node speaks version 1');
    if (session.follower !== undefined)
      return session.refuse(info.request, 'malformed', 'client_info was sent already');
    const isOurs = ({ head }: FeedPosition): boolean => head?.feed.length === 32 && reader.isOurs(address, head);
    const rolledBack = info.ledger.find(isOurs);
    if (rolledBack?.head !== undefined) await this.#checkRollBack(address, rolledBack.head);
    const heads = await reader.heads(address);
    if (info.from !== From.NOTHING) {
      const after = new Map(heads.map((head) => [feedIdOf(head.feed), head.number]));
      const follower = new Follower(
        { reader, send: (message) => this.#sendEntries(session, message) },
        { address, headersOnly: info.headersOnly, after },
      );
      session.follower = follower;
      sessions.follow(session, address);
      session.spawn('follow', (closed) => follower.run(closed));
      // Between the heads above and this line something may have come.
      follower.wake();
    }
    for (const range of await this.#owed(address, info, heads))
      await this.#stream(
        session,
        address,
        { request: info.request, ...range, newestFirst: info.newestFirst, headersOnly: info.headersOnly },
        signal,
      );
    return session.send({
      oneofKind: 'complete',
      complete: { request: info.request, heads, serverTime: this.#serverTime() },
    });
  }

  /** What the client lacks up to the heads, in the order it wants it. */
  async #owed(address: Address, info: ClientInfo, heads: readonly MailboxHead[]): Promise<NumberRange[]> {
    if (info.from === From.NOTHING || info.from === From.NOW) return [];
    const owed: NumberRange[] = [];
    for (const head of heads) {
      const feed = feedIdOf(head.feed);
      const to = head.number;
      if (info.from === From.BEGINNING) owed.push({ feed, from: 1, to });
      else if (info.from === From.TIME)
        owed.push({ feed, from: await this.#deps.reader.numberAt(address, feed, info.time), to });
      else {
        const position = info.ledger.find((held) => held.feed.length === 32 && feedIdOf(held.feed) === feed);
        owed.push(...gaps(position?.held ?? [], to).map((gap) => ({ feed, ...gap })));
      }
    }
    const some = owed.filter((range) => range.from <= range.to);
    return info.newestFirst ? some.reverse() : some;
  }

  async #sync(session: Session, address: Address, sync: Sync, signal: AbortSignal): Promise<void> {
    const { reader } = this.#deps;
    const feed = sync.feed.length === 32 ? feedIdOf(sync.feed) : undefined;
    if (feed === undefined || !reader.hasFeed(feed))
      return session.refuse(sync.request, 'unknown_feed', 'this node has no such feed');
    const { number } = await reader.state(address, feed);
    const from = Math.max(1, sync.from);
    const to = sync.to === 0 ? number : Math.min(sync.to, number);
    if (from <= to)
      await this.#stream(
        session,
        address,
        { request: sync.request, feed, from, to, newestFirst: sync.newestFirst, headersOnly: sync.headersOnly },
        signal,
      );
    return this.#complete(session, address, sync.request);
  }

  async #stream(
    session: Session,
    address: Address,
    range: NumberRange & { readonly request: number; readonly newestFirst: boolean; readonly headersOnly: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    let { from, to } = range;
    let next: Promise<Entry[]> | undefined = this.#deps.reader.page({ ...range, address, from, to });
    while (next !== undefined) {
      const entries: Entry[] = await next;
      signal.throwIfAborted();
      const last = entries.at(-1);
      if (last === undefined) return;
      if (range.newestFirst) to = last.number - 1;
      else from = last.number + 1;
      // The next page is read while this one leaves.
      next = from <= to ? this.#deps.reader.page({ ...range, address, from, to }) : undefined;
      next?.catch(() => undefined); // thrown where it is waited for, unless the session ends first
      await this.#sendEntries(session, {
        oneofKind: 'entries',
        entries: { request: range.request, feed: fromHex(range.feed), entries },
      });
    }
  }

  async #sendEntries(session: Session, message: NodeMessage): Promise<void> {
    await session.send(message);
    if (message.oneofKind === 'entries') this.#deps.metrics.entriesSent.inc(message.entries.entries.length);
  }

  async #complete(session: Session, address: Address, request: number): Promise<void> {
    const heads = await this.#deps.reader.heads(address);
    return session.send({ oneofKind: 'complete', complete: { request, heads, serverTime: this.#serverTime() } });
  }

  async #fetch(session: Session, address: Address, { request, feed, number }: Fetch): Promise<void> {
    const answer =
      feed.length === 32 ? await this.#deps.reader.body(address, feedIdOf(feed), number) : ({ state: 'none' } as const);
    const body = answer.state === 'held' ? answer.body : EMPTY;
    return session.send({ oneofKind: 'body', body: { request, state: BODY_STATES[answer.state], body } });
  }

  async #erase(session: Session, address: Address, erase: Erase): Promise<void> {
    const { reader, journal } = this.#deps;
    const feed = erase.feed.length === 32 ? feedIdOf(erase.feed) : undefined;
    if (feed === undefined || !reader.hasFeed(feed))
      return session.refuse(erase.request, 'unknown_feed', 'this node has no such feed');
    const { number } = await reader.state(address, feed);
    const wrong = erase.numbers.some(({ from, to }) => from < 1 || to < from || to > number);
    if (wrong || erase.numbers.length === 0 || erase.numbers.length > ERASE_RANGES_MAX)
      return session.refuse(erase.request, 'malformed', `1 to ${ERASE_RANGES_MAX} ranges within 1 to ${number}`);
    const erased = erase.numbers.map(({ from, to }) => ({ feed: erase.feed, account: address, from, to }));
    const reason = erase.superseded ? EraseReason.SUPERSEDED : EraseReason.DELETED;
    await journal.write((transaction) => transaction.append([{ header: { kind: EntryKind.ERASE, erased, reason } }]));
    const count = erase.numbers.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    return session.send({ oneofKind: 'done', done: { request: erase.request, count } });
  }

  async #checkRollBack(address: Address, head: MailboxHead): Promise<void> {
    const feed = feedIdOf(head.feed);
    if (!this.#deps.reader.hasFeed(feed)) return;
    const { number } = await this.#deps.reader.state(address, feed);
    if (head.number > number) this.#deps.onRolledBack(feed);
  }

  #serverTime(): number {
    return Math.floor(this.#deps.clock.now() * 1000);
  }
}

const EMPTY = new Uint8Array(0);
const BODY_STATES = {
  held: BodyState.INLINE,
  owed: BodyState.OWED,
  erased: BodyState.ERASED,
  none: BodyState.NONE,
} as const;

const STATUSES: Record<Submission['status'], ReceiptStatus> = {
  ok: ReceiptStatus.OK,
  pending: ReceiptStatus.PENDING,
  duplicate: ReceiptStatus.DUPLICATE,
  too_large: ReceiptStatus.TOO_LARGE,
  over_quota: ReceiptStatus.OVER_QUOTA,
  rate_limited: ReceiptStatus.RATE_LIMITED,
  unknown_recipient: ReceiptStatus.UNKNOWN_RECIPIENT,
  rejected: ReceiptStatus.REJECTED,
  send_body: ReceiptStatus.SEND_BODY,
  send_blobs: ReceiptStatus.SEND_BLOBS,
  unavailable: ReceiptStatus.UNAVAILABLE,
};

function receiptOf(request: number, submission: Submission): Extract<NodeMessage, { oneofKind: 'receipt' }>['receipt'] {
  const placed = 'feed' in submission;
  return {
    request,
    status: STATUSES[submission.status],
    feed: placed ? fromHex(submission.feed) : EMPTY,
    index: placed ? submission.index : 0,
    receivedAt: placed ? submission.receivedAt : 0,
    detail: 'detail' in submission ? submission.detail : '',
    retryAfterMs: 'retryAfterMs' in submission ? submission.retryAfterMs : 0,
  };
}

/** The numbers of 1 … head that no range holds, ascending. The ranges come from outside: they may overlap or lie. */
function gaps(held: readonly Range[], head: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  let next = 1;
  for (const { from, to } of [...held].sort((a, b) => a.from - b.from)) {
    if (from > next) found.push({ from: next, to: Math.min(head, from - 1) });
    next = Math.max(next, to + 1);
  }
  if (next <= head) found.push({ from: next, to: head });
  return found.filter((gap) => gap.from <= gap.to);
}
