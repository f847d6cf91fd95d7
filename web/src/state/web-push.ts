/**
 * New mail said while no window is open: the browser's push service wakes the service worker (Web Push, RFC 8030; RFC 8620,
 * section 7.2). What goes over that service says that there is mail, and nothing of it.
 */
import { type Session, WEB_PUSH } from '../jmap/objects.ts';
import { createdIn, refusalIn, type SetAnswer } from '../jmap/set-answer.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

const KEPT_AS = 'restante.push';
/** Which of the hub's subscriptions is this browser's. */
const CLIENT_KEPT_AS = 'restante.push-client';
/** The hub sends the code through the push service, which takes its time. */
const VERIFICATION_MS = 30_000;

interface Verification {
  readonly '@type': 'PushVerification';
  readonly pushSubscriptionId: string;
  readonly verificationCode: string;
}

interface HubSubscription {
  readonly id: string;
  readonly deviceClientId: string;
  readonly expires: string;
}

export function isPushing(): boolean {
  return localStorage.getItem(KEPT_AS) === 'on';
}

/** Undefined where hub or browser have no Web Push. */
function serverKey({ capabilities }: Session): string | undefined {
  if (!('PushManager' in window) || !('serviceWorker' in navigator)) return undefined;
  return (capabilities[WEB_PUSH] as { readonly applicationServerKey?: string } | undefined)?.applicationServerKey;
}

export class WebPush {
  readonly #line: Line;

  constructor(line: Line) {
    this.#line = line;
  }

  get isPossible(): boolean {
    return serverKey(this.#line.session) !== undefined;
  }

  /** Throws what the browser or the hub say against it. */
  async turnOn(): Promise<void> {
    const applicationServerKey = serverKey(this.#line.session);
    if (applicationServerKey === undefined) throw new Error('no Web Push');
    const { pushManager } = await navigator.serviceWorker.ready;
    const { endpoint, keys } = (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })).toJSON();
    await this.#destroy(await this.#own());
    const verified = this.#verification();
    const subscription = { deviceClientId: clientId(), url: endpoint, keys, types: ['EmailDelivery'] };
    const answers = await this.#line.attempt((connection) =>
      connection.call([['PushSubscription/set', { create: { this: subscription } }, 'set']]),
    );
    const id = createdIn(answers.get('set') as SetAnswer, 'this');
    const { pushSubscriptionId, verificationCode } = await verified;
    if (pushSubscriptionId !== id) throw new Error('the push service has told of another subscription');
    await this.#update(id, { verificationCode });
    localStorage.setItem(KEPT_AS, 'on');
  }

  async turnOff(): Promise<void> {
    localStorage.setItem(KEPT_AS, 'off');
    const registration = await navigator.serviceWorker?.getRegistration();
    await (await registration?.pushManager?.getSubscription())?.unsubscribe();
    await this.#destroy(await this.#own());
  }

  /** The hub forgets a subscription after a week; a window that opens keeps it. */
  async renew(): Promise<void> {
    if (!isPushing() || !this.isPossible) return;
    const { pushManager } = await navigator.serviceWorker.ready;
    const [own] = await this.#own();
    // It belongs to the login that made it, and the browser may have dropped its end.
    if (own === undefined || (await pushManager.getSubscription()) === null) await this.turnOn();
    else await this.#update(own.id, { expires: null });
  }

  /** What the hub sends to prove that it reaches this browser. */
  #verification(): Promise<Verification> {
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      const timer = setTimeout(() => {
        done.abort();
        reject(new Error('the push service has not answered'));
      }, VERIFICATION_MS);
      const listen = ({ data }: MessageEvent<Verification | string>): void => {
        if (typeof data !== 'object' || data['@type'] !== 'PushVerification') return;
        done.abort();
        clearTimeout(timer);
        resolve(data);
      };
      navigator.serviceWorker.addEventListener('message', listen, { signal: done.signal });
    });
  }

  async #own(): Promise<readonly HubSubscription[]> {
    const answers = await this.#line.attempt((connection) =>
      connection.call([['PushSubscription/get', { ids: null }, 'get']]),
    );
    return listOf<HubSubscription>(answers.get('get')).filter(({ deviceClientId }) => deviceClientId === clientId());
  }

  async #update(id: string, patch: object): Promise<void> {
    const answers = await this.#line.attempt((connection) =>
      connection.call([['PushSubscription/set', { update: { [id]: patch } }, 'set']]),
    );
    const refused = (answers.get('set') as SetAnswer).notUpdated?.[id];
    if (refused !== undefined) throw refusalIn(refused);
  }

  async #destroy(subscriptions: readonly HubSubscription[]): Promise<void> {
    const destroy = subscriptions.map(({ id }) => id);
    if (destroy.length === 0) return;
    await this.#line.attempt((connection) => connection.call([['PushSubscription/set', { destroy }, 'set']]));
  }
}

function clientId(): string {
  const kept = localStorage.getItem(CLIENT_KEPT_AS);
  if (kept !== null) return kept;
  const made = crypto.randomUUID();
  localStorage.setItem(CLIENT_KEPT_AS, made);
  return made;
}
