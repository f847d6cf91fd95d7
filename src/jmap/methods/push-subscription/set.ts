/** PushSubscription/set (RFC 8620, section 7.2.2). */
import { z } from 'zod';
import {
  PUSH_SUBSCRIPTION_KEPT_MS,
  PUSH_SUBSCRIPTIONS_MAX,
  PUSH_URL_CHARACTERS_MAX,
  VERIFICATION_TRIES_MAX,
} from '../../limits.ts';
import { parseJmapDate, spellUtcDate } from '../../mime/dates.ts';
import { parseArguments } from '../../protocol/arguments.ts';
import { CORE } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { isSameJson, type PlainObject } from '../../protocol/patch.ts';
import type { StoredSubscription } from '../../push/push-subscription.ts';
import { statesOf } from '../../push/state-feed.ts';
import { isPushKeys } from '../../push/web-push.ts';
import type { Call, Method } from '../call.ts';
import { judgeCount, newId, performSet, type SetHandler, setArguments, setLists } from '../standard/set.ts';
import { ownSubscriptions } from './get.ts';

const pushSetArguments = setArguments.omit({ accountId: true, ifInState: true });

export const pushSubscriptionSet: Method = {
  name: 'PushSubscription/set',
  capability: CORE,
  permission: 'read', // who may read may be told that there is something to read
  async run(args, call) {
    const parsed = parseArguments(pushSetArguments, args);
    const { create, update, destroy } = parsed;
    judgeCount(Object.keys(create ?? {}).length + Object.keys(update ?? {}).length + (destroy?.length ?? 0));
    const result = await performSet(call, parsed, new SubscriptionChanger(call));
    return [['PushSubscription/set', setLists(result)]];
  },
};

const shape = z.strictObject({
  deviceClientId: z.string().min(1).max(255),
  url: z.string().max(PUSH_URL_CHARACTERS_MAX),
  keys: z.unknown().optional(),
  verificationCode: z.null().optional(),
  expires: z.string().nullish(),
  types: z.array(z.string()).nullish(),
});

class SubscriptionChanger implements SetHandler {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  create(object: PlainObject): PlainObject {
    const { push, store, credential } = this.#call;
    if (push === undefined) throw new SetError('forbidden', 'this server pushes to nobody outside');
    const parsed = shape.safeParse(object);
    if (!parsed.success)
      throw invalidProperties(
        [...new Set(parsed.error.issues.flatMap((issue) => ('keys' in issue ? issue.keys : [String(issue.path[0])])))],
        parsed.error.issues[0]?.message ?? 'invalid',
      );
    const { deviceClientId, url, keys = null, types = null } = parsed.data;
    if (!URL.canParse(url) || new URL(url).protocol !== 'https:') throw invalidProperties(['url'], 'an https: URL');
    if (keys !== null && !isPushKeys(keys))
      throw invalidProperties(['keys'], 'p256dh is a point of P-256, auth 16 octets');
    if (ownSubscriptions(this.#call).size >= PUSH_SUBSCRIPTIONS_MAX)
      throw new SetError('overQuota', `at most ${PUSH_SUBSCRIPTIONS_MAX} push subscriptions`);
    const id = newId(this.#call, 'p');
    const expiresAt = this.#expiry(parsed.data.expires);
    const subscription: StoredSubscription = {
      credential,
      deviceClientId,
      url,
      keys: keys === null ? null : { p256dh: keys.p256dh, auth: keys.auth },
      verificationCode: newId(this.#call, ''),
      isVerified: false,
      wrongCodes: 0,
      expiresAt,
      types,
      toldStates: statesOf(store),
    };
    store.objects.put('PushSubscription', id, subscription);
    push.verify(id, subscription);
    const expires = spellUtcDate(expiresAt);
    return {
      id,
      ...(object.keys === undefined ? { keys: null } : {}),
      ...(object.types === undefined ? { types: null } : {}),
      ...(object.expires === expires ? {} : { expires }),
    };
  }

  update(id: string, patch: PlainObject): PlainObject | null {
    const before = this.#find(id);
    const { push, store } = this.#call;
    let after = before;
    const changed: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(patch))
      if (name === 'verificationCode') after = this.#verified(id, after, value);
      else if (name === 'expires') {
        after = { ...after, expiresAt: this.#expiry(value) };
        const expires = spellUtcDate(after.expiresAt);
        if (expires !== value) changed.expires = expires;
      } else if (name === 'types') after = { ...after, types: parseTypes(value) };
      else if (!isSameJson(value, name === 'id' ? id : before[name as keyof StoredSubscription]))
        throw invalidProperties([name], 'this never changes: destroy the subscription and make another');
    store.objects.put('PushSubscription', id, after);
    if (!isSameJson(after.types, before.types)) push?.stop(id);
    if (after.isVerified) push?.start(id);
    return Object.keys(changed).length === 0 ? null : changed;
  }

  destroy(id: string): void {
    this.#find(id);
    this.#call.store.objects.remove('PushSubscription', id);
    this.#call.push?.stop(id);
  }

  #find(id: string): StoredSubscription {
    const subscription = ownSubscriptions(this.#call).get(id);
    if (subscription === undefined) throw new SetError('notFound', 'there is no such push subscription');
    return subscription;
  }

  #verified(id: string, before: StoredSubscription, code: unknown): StoredSubscription {
    if (code === before.verificationCode || (code === null && !before.isVerified))
      return { ...before, isVerified: code !== null };
    const { objects } = this.#call.store;
    const wrongCodes = before.wrongCodes + 1;
    if (wrongCodes >= VERIFICATION_TRIES_MAX) objects.remove('PushSubscription', id);
    else objects.put('PushSubscription', id, { ...before, wrongCodes });
    throw invalidProperties(['verificationCode'], 'this is not the code that was sent');
  }

  /** As long as the client wants, but not longer than is kept. */
  #expiry(expires: unknown): number {
    const now = Math.floor(this.#call.clock.now() / 1000) * 1000;
    const latest = now + PUSH_SUBSCRIPTION_KEPT_MS;
    if (expires === null || expires === undefined) return latest;
    const time = typeof expires === 'string' ? parseJmapDate(expires, true) : undefined;
    if (time === undefined || time.at <= now) throw invalidProperties(['expires'], 'expires is a UTCDate to come');
    return Math.min(time.at, latest);
  }
}

function parseTypes(value: unknown): readonly string[] | null {
  const parsed = z.array(z.string()).nullable().safeParse(value);
  if (!parsed.success) throw invalidProperties(['types'], 'types is an array of names, or null');
  return parsed.data;
}
