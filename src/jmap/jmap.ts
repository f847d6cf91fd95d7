/**
 * JMAP for one person (RFC 8620): requests in, responses out, over whatever carries them. Knows nothing of HTTP; `src/jmap/http`
 * mounts it. An answer leaves only after what it says was done is as durable as the store's journal makes it.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, type HttpDialer, type Log, Scope, type SecureRandom } from '../base/index.ts';
import { BlobCollector } from './blobs/blob-collector.ts';
import { Blobs, type OpenBlob } from './blobs/blobs.ts';
import type { BlobStore, MailSource, StoredBlob } from './blobs/ports.ts';
import { CORE_LIMITS } from './limits.ts';
import { ALL_METHODS } from './methods/all-methods.ts';
import type { Permission } from './methods/call.ts';
import { type Answer, Processor } from './methods/processor.ts';
import { RequestError } from './protocol/errors.ts';
import { type JmapRequest, judgeRequest, parseRequest } from './protocol/request.ts';
import { type EventSourceOptions, eventSource } from './push/event-source.ts';
import { PushSender } from './push/push-sender.ts';
import type { StoredSubscription } from './push/push-subscription.ts';
import { VapidKey } from './push/web-push.ts';
import { JmapSockets } from './push/web-socket.ts';
import { type SessionObject, sessionObject } from './session.ts';
import type { MailStore } from './store/mail-store.ts';
import { SubmissionQueue } from './submission/submission-queue.ts';
import type { Submitter } from './submission/submitter.ts';
import { VacationResponder } from './submission/vacation-responder.ts';

export interface JmapDeps {
  readonly store: MailStore;
  readonly blobStore: BlobStore;
  readonly source: MailSource;
  /** Left out where nothing may leave the machine: then there are no push subscriptions. */
  readonly pushServices?: PushServices;
  /** Who sends mail; left out where nothing is sent: then there are no submissions. */
  readonly submitter?: Submitter;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** The way to push services. */
export interface PushServices {
  readonly dialer: HttpDialer;
  /** How their operators reach the one of this hub: a mailto: or https: URL. */
  readonly contact: string;
}

/** Who asks. */
export interface Caller {
  readonly username: string;
  /** Names the login, such as the id of its key slot: push subscriptions belong to one. */
  readonly credential: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Where this caller reaches the endpoints, without a slash at the end. */
  readonly baseUrl: string;
}

/** An answer with the state of the session, so that clients notice when that has changed. */
export type JmapResponse = Answer & { readonly sessionState: string };

export class Jmap implements AsyncDisposable {
  readonly #deps: JmapDeps;
  readonly #blobs: Blobs;
  readonly #processor: Processor;
  readonly #push: PushSender | undefined;
  readonly #sockets: JmapSockets;
  readonly #queue: SubmissionQueue | undefined;
  readonly #vapid: VapidKey;
  readonly #collector: BlobCollector;
  readonly #answering: AsyncDisposable | undefined;
  #requestCount = 0;
  #uploadCount = 0;
  /** Requests and uploads, ever. */
  #begunCount = 0;

  constructor(deps: JmapDeps) {
    this.#deps = deps;
    this.#blobs = new Blobs({ store: deps.blobStore, source: deps.source });
    this.#vapid = vapidKeyOf(deps.store);
    const { pushServices } = deps;
    this.#push =
      pushServices === undefined ? undefined : new PushSender({ ...deps, ...pushServices, vapid: this.#vapid });
    const { submitter } = deps;
    this.#queue = submitter === undefined ? undefined : new SubmissionQueue({ ...deps, submitter });
    const submission =
      submitter === undefined || this.#queue === undefined ? undefined : { submitter, queue: this.#queue };
    this.#processor = new Processor({ ...deps, blobs: this.#blobs, push: this.#push, submission }, ALL_METHODS);
    const request = this.request.bind(this);
    this.#sockets = new JmapSockets({ store: deps.store, log: deps.log, request });
    const quietAfter = (): number | undefined =>
      this.#requestCount + this.#uploadCount === 0 ? this.#begunCount : undefined;
    this.#collector = new BlobCollector({ ...deps, quietAfter });
    this.#collector.start();
    this.#push?.resume();
    this.#queue?.resume();
    if (this.#queue !== undefined)
      this.#answering = answerDeliveries(
        new VacationResponder({ ...deps, blobs: this.#blobs, queue: this.#queue }),
        deps,
      );
  }

  session({ username, baseUrl }: Caller): SessionObject {
    const applicationServerKey = this.#push === undefined ? undefined : this.#vapid.publicKey;
    const { submitter } = this.#deps;
    return sessionObject(this.#deps.store, { username, baseUrl, applicationServerKey, submitter });
  }

  /** Throws RequestError. */
  async api(bytes: Uint8Array, caller: Caller, signal: AbortSignal): Promise<JmapResponse> {
    return this.#limited(caller, signal, (session) => parseRequest(bytes, capabilitiesOf(session)));
  }

  /** The same for a request that is JSON already. Throws RequestError. */
  async request(value: unknown, caller: Caller, signal: AbortSignal): Promise<JmapResponse> {
    return this.#limited(caller, signal, (session) => judgeRequest(value, capabilitiesOf(session)));
  }

  /** Undefined if there is no such account. Throws RequestError if it is too large, or too many are under way. */
  async upload(
    accountId: string,
    bytes: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<StoredBlob | undefined> {
    const account = this.#deps.store.account(accountId);
    if (account === undefined) return undefined;
    if (this.#uploadCount >= CORE_LIMITS.maxConcurrentUpload) throw tooMuch('maxConcurrentUpload', 429);
    this.#uploadCount++;
    this.#begunCount++;
    let blob: StoredBlob;
    try {
      if (this.#collector.deleting !== undefined) await this.#collector.deleting;
      blob = await this.#blobs.put(accountId, limitedTo(bytes, CORE_LIMITS.maxSizeUpload), signal);
    } finally {
      this.#uploadCount--;
    }
    await this.#collector.uploaded(account, blob.size);
    return blob;
  }

  /** Undefined if there is no such account or blob in it. */
  async download(accountId: string, blobId: string): Promise<OpenBlob | undefined> {
    const account = this.#deps.store.account(accountId);
    return account === undefined ? undefined : this.#blobs.open(account, blobId);
  }

  /** The text of an event source (RFC 8620, section 7.3). */
  eventSource(
    options: EventSourceOptions,
    lastEventId: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    return eventSource(this.#deps, options, lastEventId, signal);
  }

  /** An upgrade to a WebSocket of JMAP (RFC 8887). */
  webSocket(request: IncomingMessage, socket: Duplex, head: Buffer, caller: Caller): void {
    this.#sockets.upgrade(request, socket, head, caller);
  }

  /** A login is over: its push subscriptions and connections end (RFC 8620, section 7.2). */
  endCredential(credential: string): void {
    const { objects } = this.#deps.store;
    for (const { id, value } of objects.list<StoredSubscription>('PushSubscription'))
      if (value.credential === credential) {
        objects.remove('PushSubscription', id);
        this.#push?.stop(id);
      }
    this.#sockets.close(credential);
  }

  /** Ends the logins that are over since somebody looked last. */
  keepCredentials(isGood: (credential: string) => boolean): void {
    const subscriptions = this.#deps.store.objects.list<StoredSubscription>('PushSubscription');
    const credentials = new Set(subscriptions.map(({ value }) => value.credential));
    for (const credential of credentials) if (!isGood(credential)) this.endCredential(credential);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#answering?.[Symbol.asyncDispose]();
    await Promise.all([
      this.#sockets[Symbol.asyncDispose](),
      this.#collector[Symbol.asyncDispose](),
      this.#push?.[Symbol.asyncDispose](),
      this.#queue?.[Symbol.asyncDispose](),
    ]);
  }

  async #limited(
    caller: Caller,
    signal: AbortSignal,
    parse: (session: SessionObject) => JmapRequest,
  ): Promise<JmapResponse> {
    if (this.#requestCount >= CORE_LIMITS.maxConcurrentRequests) throw tooMuch('maxConcurrentRequests', 429);
    this.#requestCount++;
    this.#begunCount++;
    try {
      if (this.#collector.deleting !== undefined) await this.#collector.deleting;
      const answer = await this.#processor.run(parse(this.session(caller)), caller, signal);
      await this.#deps.store.flush();
      return { ...answer, sessionState: this.session(caller).state };
    } finally {
      this.#requestCount--;
    }
  }
}

function capabilitiesOf({ capabilities }: SessionObject): ReadonlySet<string> {
  return new Set(Object.keys(capabilities));
}

function tooMuch(
  limit: 'maxConcurrentUpload' | 'maxConcurrentRequests' | 'maxSizeUpload',
  status: number,
): RequestError {
  return new RequestError('limit', `${limit} is ${CORE_LIMITS[limit]}`, { limit, status });
}

/** What is too much is read to its end and forgotten: whoever still sends would lose the answer with the connection. */
async function* limitedTo(bytes: AsyncIterable<Uint8Array>, octetsMax: number): AsyncIterable<Uint8Array> {
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    if (size <= octetsMax) yield piece;
  }
  if (size > octetsMax) throw tooMuch('maxSizeUpload', 413);
}

/** Looks at each account when something was delivered to it, one look after the other. */
function answerDeliveries(responder: VacationResponder, { store, log }: JmapDeps): AsyncDisposable {
  const scope = new Scope((name, error) => log.error({ error, task: name }, 'automatic replies failed'));
  let before: Promise<void> = Promise.resolve();
  const look = (accountId: string): void =>
    scope.spawn(`answer ${accountId}`, (signal) => {
      const account = store.account(accountId);
      // What failed was told by its own task; the next one looks at everything since.
      const after = before
        .catch(() => undefined)
        .then(() => (account === undefined ? undefined : responder.run(account, signal)));
      before = after;
      return after;
    });
  const listening = store.on('changed', ({ accountId, changed }) => {
    if (changed.has('EmailDelivery')) look(accountId);
  });
  // Of one that is new, before the first mail comes: from there on everything is answered.
  const lookAtAll = (): void => {
    for (const { id } of store.accounts()) look(id);
  };
  const coming = store.on('accounts', lookAtAll);
  lookAtAll();
  return {
    async [Symbol.asyncDispose]() {
      listening[Symbol.dispose]();
      coming[Symbol.dispose]();
      await scope[Symbol.asyncDispose]();
    },
  };
}

/** Made once for each person, and kept: clients have told their push services. */
function vapidKeyOf(store: MailStore): VapidKey {
  const kept = store.objects.get<Record<string, string>>('Private', 'vapid');
  if (kept !== undefined) return new VapidKey(kept);
  const made = VapidKey.generate();
  store.objects.put('Private', 'vapid', made);
  return new VapidKey(made);
}

export function createJmap(deps: JmapDeps): Jmap {
  return new Jmap(deps);
}
