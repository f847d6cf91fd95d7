/**
 * Accounts that begin here: one is made at the home, or opened by its recovery code. The user server does it, as a device of
 * the account; this side keeps the password's slot, so that the first login finds it. Every try counts as a failed login
 * where it comes from until it succeeded: codes and invitations cannot be guessed at leisure.
 */
import { type Clock, fromBase64, fromUtf8, type SecureRandom, toBase64, utf8 } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { ComponentKeys } from '../component/keys.ts';
import { openSealed, sealTo } from '../component/sealing.ts';
import {
  ENROL_PURPOSE,
  ENROLLED_PURPOSE,
  type Enrolment,
  enrolmentOutcome,
  sessionEnrolled,
} from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { createStretching } from '../slots/slot.ts';
import type { Gate } from './gate.ts';
import type { KeyRing } from './key-ring.ts';
import { JOIN_TIMEOUT_MS } from './limits.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { Throttle } from './throttle.ts';
import type { UserServers } from './user-servers.ts';

export interface AccountMakerDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly component: Component;
  readonly keys: ComponentKeys['sealing'];
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly slots: SlotKeeper;
  readonly throttle: Throttle;
  /** Shared with first logins: each is a process that starts. */
  readonly joins: Gate;
  /** Whose account may begin here. */
  readonly mayJoin: (user: Address) => boolean;
}

export type Made =
  | { readonly status: 'made'; readonly recoveryCode: string | undefined }
  | { readonly status: 'refused'; readonly code: string; readonly message: string };

export class AccountMaker {
  readonly #deps: AccountMakerDeps;

  constructor(deps: AccountMakerDeps) {
    this.#deps = deps;
  }

  /** Throws HubError `throttled`, `forbidden`, `busy`, `late`, `unavailable`, `failed`. */
  async make(user: Address, enrolment: Enrolment, remote: string, signal: AbortSignal): Promise<Made> {
    const { mayJoin, throttle } = this.#deps;
    if (!mayJoin(user)) throw new HubError('forbidden', 'this hub is not for people of that home');
    const attempt = throttle.begin(enrolment.how === 'recover' ? user : undefined, remote);
    const outcome = await this.#enrol(user, enrolment, signal);
    if (outcome.status === 'refused') return outcome;
    attempt.succeeded();
    const { clock, random, slots } = this.#deps;
    const hubKey = fromBase64(outcome.hubKey);
    const slot = { stretching: createStretching(random), password: enrolment.password };
    await slots.addPassword(user, hubKey, slot, clock.now());
    hubKey.fill(0);
    return { status: 'made', recoveryCode: outcome.recoveryCode };
  }

  async #enrol(user: Address, enrolment: Enrolment, signal: AbortSignal) {
    const { component, joins, keyRing, keys, random, servers, slots } = this.#deps;
    using _ = await joins.enter(signal);
    const server = servers.of(user);
    using _held = server.hold();
    let isEnrolled = false;
    try {
      const { instance } = await server.want(signal);
      const box = component.correspondence.sealingKeyOf(instance);
      const sealed = sealTo(random, box, ENROL_PURPOSE, utf8(JSON.stringify(enrolment)));
      const about = { user, signal, timeoutMs: JOIN_TIMEOUT_MS };
      const answer = await component.request(instance, 'session.enrol', { enrolment: toBase64(sealed) }, about);
      const told = openSealed(keys, ENROLLED_PURPOSE, fromBase64(sessionEnrolled.parse(answer).outcome));
      const outcome = enrolmentOutcome.parse(JSON.parse(fromUtf8(told)));
      isEnrolled = outcome.status === 'enrolled';
      return outcome;
    } finally {
      // Nobody has come in: what was started for the question ends with it.
      if (!isEnrolled && !keyRing.has(user)) {
        server.stop();
        await slots.forgetIfNew(user);
      }
    }
  }
}
