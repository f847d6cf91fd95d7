/** PushSubscription/get (RFC 8620, section 7.2.1): without an account or a state. */
import { z } from 'zod';
import { spellUtcDate } from '../../mime/dates.ts';
import { idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { CORE } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { StoredSubscription } from '../../push/push-subscription.ts';
import type { Call, Method } from '../call.ts';
import { listOf, pick, wantedIds, wantedProperties } from '../standard/get.ts';

const PROPERTIES = ['id', 'deviceClientId', 'verificationCode', 'expires', 'types'];

const pushGetArguments = z.strictObject({
  ids: z.array(idOrReference).nullish(),
  properties: z.array(z.string()).nullish(),
});

export const pushSubscriptionGet: Method = {
  name: 'PushSubscription/get',
  capability: CORE,
  permission: 'read',
  run(args, call) {
    const { ids, properties } = parseArguments(pushGetArguments, args);
    if (properties?.some((name) => name === 'url' || name === 'keys'))
      throw new MethodError('forbidden', 'url and keys are private to the device');
    const wanted = wantedProperties(properties, PROPERTIES);
    const own = ownSubscriptions(call);
    const found = listOf(
      wantedIds(call, ids, () => own.keys()),
      (id) => {
        const subscription = own.get(id);
        if (subscription === undefined) return undefined;
        const { deviceClientId, verificationCode, isVerified, expiresAt, types } = subscription;
        // The code is shown once the client has proven that it knows it.
        const code = isVerified ? verificationCode : null;
        return pick({ id, deviceClientId, verificationCode: code, expires: spellUtcDate(expiresAt), types }, wanted);
      },
    );
    return [['PushSubscription/get', found]];
  },
};

/** Those of this login that are not over. */
export function ownSubscriptions(call: Call): Map<string, StoredSubscription> {
  const now = call.clock.now();
  return new Map(
    call.store.objects
      .list<StoredSubscription>('PushSubscription')
      .filter(({ value }) => value.credential === call.credential && value.expiresAt > now)
      .map(({ id, value }) => [id, value]),
  );
}
