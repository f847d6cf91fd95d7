/**
 * From a submit to a receipt. Cheap refusals come first and one by one (size, form, author, signature, recipients); what
 * passes waits in one queue, and everything that waits is appended together. A receipt is sent after the data is on disk.
 */
import { BoundedQueue, type Clock, type CryptoSuite, isAbort, type Log, type SignatureChecker } from '../base/index.ts';
import type { Conversations, Messaging } from '../federation/index.ts';
import {
  type Address,
  BODY_BYTES_MAX,
  type FeedId,
  type HomeName,
  homeOf,
  type Pdu,
  ProtocolError,
  parsePdu,
  signedBytesOf,
  sizeWithAttached,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import { StoreError } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import type { Blobs } from './blobs.ts';
import type { CatchUp } from './fleet/index.ts';
import type { HeldPlaces } from './held-places.ts';
import type { Journal, JournalTransaction, NewEntry } from './journal.ts';
import {
  APPENDS_IN_FLIGHT,
  BATCH_BYTES_MAX,
  BATCH_ENTRIES_MAX,
  INTAKE_BYTES_MAX,
  INTAKE_QUEUE_MAX,
  type NodeLimits,
} from './limits.ts';
import type { HomePeople } from './local-people.ts';
import { FULL, NO_ROOM, type Submission, UNAVAILABLE_RETRY_MS, uncertainOf } from './submission.ts';
import { newEntry, type Submitter, signingKey } from './submitted.ts';
import { TokenBucket } from './token-bucket.ts';
import type { ViewBuffer } from './view-buffer.ts';
import { headKey, headsOf, pduKey } from './view-keys.ts';
import { decodeMailboxState, mailboxStateOf } from './view-rows.ts';

export interface IntakeDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly store: Store;
  readonly log: Log;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly catchUp: Pick<CatchUp, 'of'>;
  readonly people: Pick<HomePeople, 'find'>;
  readonly conversations: Conversations;
  readonly blobs: Pick<Blobs, 'isComplete'>;
  readonly places: Pick<HeldPlaces, 'find'>;
  /** undefined: this node speaks with no other home. */
  readonly messaging: Pick<Messaging, 'authorship'> | undefined;
  /** Whether as many other nodes as a receipt needs have a feed's blocks up to here, now or in time; undefined: none need to. */
  readonly untilCopied: ((feed: FeedId, length: number) => Promise<boolean>) | undefined;
  /** Why this node takes nothing now: its home goes on without it, or its disk is nearly full; undefined: it does. */
  readonly refusal: () => Submission | undefined;
  /** A commit found the disk full. */
  readonly onNoRoom: () => void;
}

export interface IntakeOptions {
  readonly home: HomeName;
  readonly limits: NodeLimits;
  /** Bytes held in other feeds than the one this node writes count towards a quota too. */
  readonly feeds: { readonly current: { readonly id: FeedId }; readonly all: { readonly size: number } };
}

interface Waiting {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
  /** Its recipients at this home. */
  readonly local: readonly Address[];
  /** Its recipient gives back what the home lost: what was attached may be lost, the text need not be. */
  readonly isGivenBack: boolean;
  readonly done: (submission: Submission) => void;
}

export class Intake {
  readonly #deps: IntakeDeps;
  readonly #options: IntakeOptions;
  readonly #queue = new BoundedQueue<Waiting>(INTAKE_QUEUE_MAX);
  readonly #buckets = new Map<Address, TokenBucket>();
  /** Receipts that wait for copies. */
  readonly #answering = new Set<Promise<void>>();
  /** Of bodies without a receipt. */
  #waitingBytes = 0;

  constructor(deps: IntakeDeps, options: IntakeOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The receipt of one submit; `body` is undefined when the client holds it back until it is asked for. */
  async submit(submitter: Submitter, header: Uint8Array, body: Uint8Array | undefined): Promise<Submission> {
    const closed = this.#deps.refusal();
    if (closed !== undefined) return closed;
    const rate = this.#takeToken(submitter.address);
    if (rate !== undefined) return rate;
    let pdu: Pdu;
    try {
      pdu = parsePdu(this.#deps.suite, header);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { status: error.code === 'too_large' ? 'too_large' : 'rejected', detail: error.message };
    }
    if (pdu.body.size > BODY_BYTES_MAX)
      return { status: 'too_large', detail: `a body has at most ${BODY_BYTES_MAX} bytes` };
    const refusal = this.#checkForm(submitter, pdu);
    if (refusal !== undefined) return refusal;
    // A body takes its room here already: it waits for its signature to be checked, then for an append.
    const size = body?.length ?? 0;
    if (this.#waitingBytes + size > INTAKE_BYTES_MAX) return FULL;
    this.#waitingBytes += size;
    try {
      return await this.#judge(submitter, pdu, body);
    } finally {
      this.#waitingBytes -= size;
    }
  }

  async #judge(submitter: Submitter, pdu: Pdu, body: Uint8Array | undefined): Promise<Submission> {
    const local = this.#localOf(pdu);
    const unproven = await this.#checkAuthor(submitter, pdu);
    const refusal = unproven ?? (await this.#checkRecipients(pdu, local)) ?? (await this.#checkRights(pdu, body));
    if (refusal !== undefined) return refusal;
    if (body === undefined) return this.#answerOffer(pdu, local);
    if (body.length !== pdu.body.size || this.#deps.suite.sha256Hex(body) !== pdu.body.sha256)
      return { status: 'rejected', detail: 'the body is not the one that the header names' };
    const isGivenBack = pdu.author !== submitter.address;
    return new Promise((done) => {
      if (!this.#queue.push({ pdu, body, local, isGivenBack, done })) done(FULL);
    });
  }

  /** Appends what waits until the signal; on abort the queue is drained first. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#queue.close();
    signal.addEventListener('abort', stop, { once: true });
    const inFlight = new Set<Promise<void>>();
    let waiting: Waiting[] = [];
    for (;;) {
      if (waiting.length === 0) waiting = await this.#queue.takeAll();
      if (waiting.length === 0) break;
      const batch = takeBatch(waiting);
      waiting = waiting.slice(batch.length);
      const append = this.#append(batch).finally(() => inFlight.delete(append));
      inFlight.add(append);
      if (inFlight.size >= APPENDS_IN_FLIGHT) await Promise.race(inFlight);
    }
    await Promise.all(inFlight);
    await Promise.all(this.#answering);
    signal.removeEventListener('abort', stop);
  }

  /** Waits of whoever submits while the node stops end with `unavailable`. */
  close(): void {
    this.#queue.close();
  }

  #takeToken(address: Address): Submission | undefined {
    const { submitsPerSecond, submitBurst } = this.#options.limits;
    const now = this.#deps.clock.monotonic();
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      bucket = new TokenBucket(1000 / submitsPerSecond, submitBurst, now);
      this.#buckets.set(address, bucket);
    }
    const token = bucket.take(now);
    return token.taken ? undefined : { status: 'rate_limited', retryAfterMs: token.waitMs };
  }

  #checkForm(submitter: Submitter, pdu: Pdu): Submission | undefined {
    if (pdu.type === 'note' && (pdu.recipients.length !== 1 || pdu.recipients[0] !== pdu.author))
      return { status: 'rejected', detail: 'a note is addressed to its author only' };
    // A recipient may give back what the home lost when it was restored: the author's signature is what counts.
    if (pdu.author !== submitter.address && !pdu.recipients.includes(submitter.address))
      return { status: 'rejected', detail: 'neither from nor to the account that submits it' };
    return undefined;
  }

  async #checkRecipients(pdu: Pdu, local: readonly Address[]): Promise<Submission | undefined> {
    const { people, uncertain } = await this.#deps.people.find(local);
    if (uncertain.size > 0) return uncertainOf([...uncertain].join(' '));
    const unknown = local.filter((recipient) => !people.has(recipient));
    if (this.#deps.messaging === undefined && local.length < pdu.recipients.length)
      unknown.push(...pdu.recipients.filter((recipient) => homeOf(recipient) !== this.#options.home));
    return unknown.length === 0 ? undefined : { status: 'unknown_recipient', detail: unknown.join(' ') };
  }

  async #checkAuthor(submitter: Submitter, pdu: Pdu): Promise<Submission | undefined> {
    if (homeOf(pdu.author) !== this.#options.home) return this.#checkStranger(pdu);
    const publicKey = await this.#keyOf(submitter, pdu);
    if (publicKey === undefined) return { status: 'rejected', detail: 'the author has no such device' };
    if (publicKey === 'uncertain') return uncertainOf(pdu.author);
    const signed = { signature: pdu.signature, message: signedBytesOf(pdu), publicKey };
    try {
      const [right] = await this.#deps.signatures.check([signed]);
      if (right === true) return undefined;
    } catch (error) {
      this.#deps.log.error({ error }, 'a signature could not be checked');
      return { status: 'unavailable', detail: 'the node could not check the signature', retryAfterMs: 1_000 };
    }
    return { status: 'rejected', detail: 'the signature is not by the device that the header names' };
  }

  /** The author may have got the device at another node. */
  async #keyOf(submitter: Submitter, pdu: Pdu): Promise<Uint8Array | 'uncertain' | undefined> {
    const { accounts, catchUp } = this.#deps;
    const here = accounts.peek(pdu.author) ?? (await accounts.find(pdu.author));
    const key = here === undefined ? undefined : signingKey(here, pdu, submitter);
    if (key !== undefined) return key;
    const isCurrent = (await catchUp.of([pdu.author])).has(pdu.author);
    const author = await accounts.find(pdu.author);
    const added = author === undefined ? undefined : signingKey(author, pdu, submitter);
    return added ?? (isCurrent ? undefined : 'uncertain');
  }

  /** Mail from another home that its recipient gives back. */
  async #checkStranger(pdu: Pdu): Promise<Submission | undefined> {
    const { messaging } = this.#deps;
    if (messaging === undefined) return { status: 'rejected', detail: 'this node speaks with no other home' };
    const authorship = await messaging.authorship(pdu);
    if (authorship.status === 'right') return undefined;
    if (authorship.status === 'wrong') return { status: 'rejected', detail: authorship.detail };
    return { status: 'unavailable', detail: authorship.detail, retryAfterMs: UNAVAILABLE_RETRY_MS };
  }

  /** Whether the author may say this in the conversation; who founds one may. */
  async #checkRights(pdu: Pdu, body: Uint8Array | undefined): Promise<Submission | undefined> {
    if (pdu.type === 'note' || (pdu.type === 'mail' && pdu.prev.length === 0)) return undefined;
    if (pdu.type !== 'mail' && body === undefined)
      return { status: 'rejected', detail: `the body of a PDU of type ${pdu.type} comes with it` };
    if ((await this.#deps.conversations.allows(pdu, body)) !== 'forbidden') return undefined;
    return { status: 'rejected', detail: `${pdu.author} may not say this in the conversation` };
  }

  /** The answer to a header without its body: what would be refused is refused before the body travels. */
  async #answerOffer(pdu: Pdu, local: readonly Address[]): Promise<Submission> {
    const held = await this.#deps.places.find(this.#deps.store, await this.#deps.store.get(pduKey(pdu.id)));
    if (held !== undefined) return { status: 'duplicate', ...held, receivedAt: 0 };
    for (const recipient of local) {
      const { bytes } = await this.#deps.accounts.heldBytes(this.#deps.store, recipient);
      if (bytes + sizeWithAttached(pdu) > this.#quotaOf(recipient)) return { status: 'over_quota', detail: recipient };
    }
    return { status: 'send_body' };
  }

  async #append(batch: readonly Waiting[]): Promise<void> {
    try {
      const submissions = await this.#deps.journal.write((journal) => this.#write(journal, batch));
      this.#answer(batch, submissions);
    } catch (error) {
      // Nothing was acknowledged and nothing was written: the sender keeps it and tries again.
      if (!isAbort(error, undefined)) this.#deps.log.error({ error, entries: batch.length }, 'an append failed');
      const isFull = error instanceof StoreError && error.code === 'disk_full';
      if (isFull) this.#deps.onNoRoom();
      const detail = 'the node could not write';
      const refusal: Submission = { status: 'unavailable', detail, retryAfterMs: UNAVAILABLE_RETRY_MS };
      for (const waiting of batch) waiting.done(isFull ? NO_ROOM : refusal);
    }
  }

  /** What others must have too is answered when they do; the next append does not wait for that. */
  #answer(batch: readonly Waiting[], submissions: readonly Submission[]): void {
    for (const [i, waiting] of batch.entries()) {
      const submission = submissions[i] as Submission;
      const { untilCopied } = this.#deps;
      if (untilCopied === undefined || !('feed' in submission)) {
        waiting.done(submission);
        continue;
      }
      // A header block and its body.
      const answer = untilCopied(submission.feed, submission.index + 2)
        .then((isCopied) => waiting.done(isCopied ? submission : { ...submission, status: 'pending' }))
        .finally(() => this.#answering.delete(answer));
      this.#answering.add(answer);
    }
  }

  async #write(journal: JournalTransaction, batch: readonly Waiting[]): Promise<Submission[]> {
    const { views } = journal;
    const feed = this.#options.feeds.current.id;
    await views.prefetch(
      batch.flatMap(({ pdu, local }) => [pduKey(pdu.id), ...local.map((address) => headKey(address, feed))]),
    );
    const held = await this.#heldBytes(views, batch);
    const submissions: Submission[] = new Array<Submission>(batch.length);
    const accepted: { readonly at: number; readonly entry: NewEntry }[] = [];
    const repeated: { readonly at: number; readonly of: number }[] = [];
    const seen = new Map<string, number>();
    for (const [at, { pdu, body, local, isGivenBack }] of batch.entries()) {
      const twin = seen.get(pdu.id);
      if (twin !== undefined) {
        repeated.push({ at, of: twin });
        continue;
      }
      const isWhole =
        isGivenBack || pdu.attached === undefined || (await this.#deps.blobs.isComplete(views, pdu.attached));
      const refusal =
        (await this.#findDuplicate(views, pdu)) ??
        (isWhole ? this.#findOverQuota(pdu, local, held) : { status: 'send_blobs' });
      if (refusal !== undefined) {
        submissions[at] = refusal;
        continue;
      }
      seen.set(pdu.id, at);
      for (const recipient of local) held.set(recipient, (held.get(recipient) ?? 0) + sizeWithAttached(pdu));
      accepted.push({ at, entry: newEntry(pdu, body, local) });
    }
    const written = await journal.append(accepted.map(({ entry }) => entry));
    accepted.forEach(({ at }, i) => {
      const entry = written[i];
      if (entry !== undefined) submissions[at] = { status: 'ok', ...entry };
    });
    for (const { at, of } of repeated) {
      const first = submissions[of] as Submission;
      submissions[at] = first.status === 'ok' ? { ...first, status: 'duplicate' } : first;
    }
    return submissions;
  }

  async #findDuplicate(views: ViewBuffer, pdu: Pdu): Promise<Submission | undefined> {
    const row = views.known(pduKey(pdu.id));
    const held = row === undefined ? undefined : await this.#deps.places.find(views, row);
    return held === undefined ? undefined : { status: 'duplicate', ...held, receivedAt: 0 };
  }

  #findOverQuota(pdu: Pdu, local: readonly Address[], held: ReadonlyMap<Address, number>): Submission | undefined {
    for (const recipient of local)
      if ((held.get(recipient) ?? 0) + sizeWithAttached(pdu) > this.#quotaOf(recipient))
        return { status: 'over_quota', detail: recipient };
    return undefined;
  }

  /** Of everybody that the batch is for, in all feeds. */
  async #heldBytes(views: ViewBuffer, batch: readonly Waiting[]): Promise<Map<Address, number>> {
    const { all, current } = this.#options.feeds;
    const held = new Map<Address, number>();
    for (const { local } of batch)
      for (const address of local) {
        if (held.has(address)) continue;
        if (all.size === 1) held.set(address, mailboxStateOf(views.known(headKey(address, current.id))).heldBytes);
        else {
          const rows = await views.range({ ...headsOf(address), limit: 1000 });
          held.set(
            address,
            rows.reduce((sum, row) => sum + decodeMailboxState(row.value).heldBytes, 0),
          );
        }
      }
    return held;
  }

  #localOf({ recipients }: Pdu): readonly Address[] {
    const { home } = this.#options;
    return recipients.every((recipient) => homeOf(recipient) === home)
      ? recipients
      : recipients.filter((recipient) => homeOf(recipient) === home);
  }

  #quotaOf(address: Address): number {
    return this.#deps.accounts.settingsOf(address).quotaBytes ?? this.#options.limits.quotaBytes;
  }
}

/** As many from the front as one append takes; at least one. */
function takeBatch(waiting: readonly Waiting[]): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { body } of waiting) {
    bytes += body.length;
    if (count > 0 && (count >= BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX)) break;
    count += 1;
  }
  return waiting.slice(0, count);
}
