/**
 * Tells push subscriptions what has changed (RFC 8620, section 7.2): one task for each that is verified. While an endpoint
 * is slow or away, changes are joined; what was told last is kept, so that nothing is missed over a restart.
 */
import {
  type Clock,
  DialError,
  type HttpAnswer,
  type HttpDialer,
  isAbort,
  type Log,
  Scope,
  type SecureRandom,
  utf8,
} from '../../base/index.ts';
import {
  PUSH_ANSWER_BYTES_MAX,
  PUSH_BACKOFF_MAX_MS,
  PUSH_BACKOFF_MIN_MS,
  PUSH_FAILURES_MAX,
  PUSH_TIMEOUT_MS,
  PUSH_TTL_SECONDS,
  PUSHED_STATES_BYTES_MAX,
} from '../limits.ts';
import type { MailStore } from '../store/mail-store.ts';
import type { StoredSubscription } from './push-subscription.ts';
import { type ChangedStates, joinStates, StateFeed, typesOf } from './state-feed.ts';
import { encryptPush, type VapidKey } from './web-push.ts';

export interface PushSenderDeps {
  readonly store: MailStore;
  readonly dialer: HttpDialer;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly vapid: VapidKey;
  /** How the operator of a push service reaches ours: a mailto: or https: URL. */
  readonly contact: string;
}

export class PushSender implements AsyncDisposable {
  readonly #deps: PushSenderDeps;
  readonly #scope: Scope;
  readonly #running = new Map<string, AbortController>();

  constructor(deps: PushSenderDeps) {
    this.#deps = deps;
    this.#scope = new Scope((name, error) => deps.log.error({ error, task: name }, 'a push task failed'));
  }

  /** Goes on with what was subscribed before. */
  resume(): void {
    for (const { id, value } of this.#deps.store.objects.list<StoredSubscription>('PushSubscription'))
      if (value.isVerified) this.start(id);
  }

  /** One message to an endpoint that nobody has verified yet; whether it arrives is its owner's matter. */
  verify(id: string, subscription: StoredSubscription): void {
    const message = {
      '@type': 'PushVerification',
      pushSubscriptionId: id,
      verificationCode: subscription.verificationCode,
    };
    this.#scope.spawn(`verify ${id}`, async (signal) => {
      try {
        await this.#post(subscription, message, signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#deps.log.info({ error, subscription: id }, 'a push subscription could not be verified');
      }
    });
  }

  start(id: string): void {
    if (this.#running.has(id)) return;
    const controller = new AbortController();
    this.#running.set(id, controller);
    this.#scope.spawn(`push ${id}`, async (closing) => {
      const signal = AbortSignal.any([closing, controller.signal]);
      try {
        await this.#run(id, signal);
      } catch (error) {
        if (!isAbort(error, signal)) throw error;
      } finally {
        if (this.#running.get(id) === controller) this.#running.delete(id);
      }
    });
  }

  /** The subscription is gone, or has other types. */
  stop(id: string): void {
    this.#running.get(id)?.abort(new DOMException('the subscription is gone', 'AbortError'));
    this.#running.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#deps;
    const first = this.#read(id);
    if (first === undefined) return;
    using feed = new StateFeed(store, typesOf(first.types));
    feed.catchUp(first.toldStates);
    let failures = 0;
    for (let changed = await feed.next(signal); changed !== undefined; changed = await feed.next(signal)) {
      const subscription = this.#read(id);
      if (subscription === undefined) return;
      const outcome = await this.#tell(subscription, changed, signal);
      if (outcome.kind === 'told') {
        failures = 0;
        const now = this.#read(id);
        // Not the states as they are by now: what changed meanwhile is still to be told.
        if (now !== undefined)
          store.objects.put('PushSubscription', id, { ...now, toldStates: joinStates(now.toldStates, changed) });
        continue;
      }
      if (outcome.kind === 'gone' || failures >= PUSH_FAILURES_MAX) {
        log.info({ subscription: id, outcome: outcome.kind }, 'a push subscription is dropped: its endpoint is gone');
        store.objects.remove('PushSubscription', id);
        return;
      }
      const wait = Math.min(PUSH_BACKOFF_MAX_MS, PUSH_BACKOFF_MIN_MS * 2 ** failures);
      failures++;
      await clock.sleep(Math.max(wait, outcome.retryAfterMs), signal);
      feed.catchUp(this.#read(id)?.toldStates ?? {});
    }
  }

  /** Undefined when it is gone or over. */
  #read(id: string): StoredSubscription | undefined {
    const { store, clock } = this.#deps;
    const subscription = store.objects.get<StoredSubscription>('PushSubscription', id);
    if (subscription === undefined || subscription.expiresAt > clock.now()) return subscription;
    store.objects.remove('PushSubscription', id);
    return undefined;
  }

  async #tell(subscription: StoredSubscription, changed: ChangedStates, signal: AbortSignal): Promise<Outcome> {
    try {
      let outcome: Outcome = { kind: 'told' };
      for (const part of partsOf(changed)) {
        outcome = outcomeOf(await this.#post(subscription, { '@type': 'StateChange', changed: part }, signal));
        if (outcome.kind !== 'told') break;
      }
      return outcome;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      if (error instanceof DialError) return { kind: 'later', retryAfterMs: 0 };
      throw error;
    }
  }

  #post(subscription: StoredSubscription, message: object, signal: AbortSignal): Promise<HttpAnswer> {
    const { dialer, random, vapid, contact, clock } = this.#deps;
    const { url, keys } = subscription;
    const text = utf8(JSON.stringify(message));
    const body = keys === null ? text : encryptPush(text, keys, random);
    const headers = {
      'content-type': keys === null ? 'application/json' : 'application/octet-stream',
      ...(keys === null ? {} : { 'content-encoding': 'aes128gcm' }),
      ttl: String(PUSH_TTL_SECONDS),
      urgency: 'normal',
      authorization: vapid.authorization(url, contact, clock.now()),
    };
    const limits = { answerBytesMax: PUSH_ANSWER_BYTES_MAX, timeoutMs: PUSH_TIMEOUT_MS };
    return dialer.request({ method: 'POST', url, headers, body, ...limits }, signal);
  }
}

/** The accounts in as many parts as it takes for each to fit into a message. */
function* partsOf(changed: ChangedStates): Generator<ChangedStates> {
  let part: Record<string, ChangedStates[string]> = {};
  let sizeBytes = 0;
  for (const [accountId, states] of Object.entries(changed)) {
    const octets = Buffer.byteLength(JSON.stringify({ [accountId]: states }));
    if (sizeBytes > 0 && sizeBytes + octets > PUSHED_STATES_BYTES_MAX) {
      yield part;
      part = {};
      sizeBytes = 0;
    }
    part[accountId] = states;
    sizeBytes += octets;
  }
  yield part;
}

type Outcome =
  | { readonly kind: 'told' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfterMs: number };

function outcomeOf({ status, headers }: HttpAnswer): Outcome {
  if (status >= 200 && status < 300) return { kind: 'told' };
  // RFC 8030: the service has forgotten the subscription.
  if (status === 404 || status === 410) return { kind: 'gone' };
  const seconds = Number(headers['retry-after'] ?? 0);
  return { kind: 'later', retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1000, PUSH_BACKOFF_MAX_MS) : 0 };
}
