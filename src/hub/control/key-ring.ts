/**
 * The hub keys of users whose user server runs, sealed to the control server's own key: memory that is read by somebody else
 * shows no key without that one too. Handed out sealed to a component that asks; let go a little after the user server has stopped, so that whoever logs in meanwhile has it.
 */
import type { Clock, SecureRandom } from '../../base/index.ts';
import { fromBase64, toBase64 } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { ComponentKeys } from '../component/keys.ts';
import { openSealed, sealTo } from '../component/sealing.ts';
import { HUB_KEY_PURPOSE, secretRequest } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { KEY_GRACE_MS } from './limits.ts';

const HELD_PURPOSE = 'restante hub key, held';

interface Held {
  readonly sealed: Uint8Array;
  neededAt: number;
}

export class KeyRing {
  readonly #random: SecureRandom;
  readonly #keys: ComponentKeys['sealing'];
  readonly #clock: Clock;
  readonly #held = new Map<Address, Held>();

  constructor(clock: Clock, random: SecureRandom, keys: ComponentKeys['sealing']) {
    this.#clock = clock;
    this.#random = random;
    this.#keys = keys;
  }

  /** Answers `secret` on the bus. */
  serve(component: Component): void {
    component.handle('secret', async (body, sender) => {
      if (!secretRequest.safeParse(body).success) throw new HubError('malformed', 'not a request for a secret');
      if (sender.user === undefined) throw new HubError('misaddressed', 'a secret of nobody');
      const key = this.#open(sender.user);
      try {
        const sealingKey = component.correspondence.sealingKeyOf(sender.instance);
        return { sealed: toBase64(sealTo(this.#random, sealingKey, HUB_KEY_PURPOSE, key)) };
      } finally {
        key.fill(0);
      }
    });
  }

  has(user: Address): boolean {
    return this.#held.has(user);
  }

  hold(user: Address, hubKey: Uint8Array): void {
    const sealed = sealTo(this.#random, this.#keys.publicKey, HELD_PURPOSE, hubKey);
    this.#held.set(user, { sealed, neededAt: this.#clock.monotonic() });
  }

  /** As they are held: sealed to the control server's own key. */
  held(): { user: Address; sealed: string }[] {
    return [...this.#held].map(([user, { sealed }]) => ({ user, sealed: toBase64(sealed) }));
  }

  /** What a control server with the same key has held. */
  restore(held: readonly { readonly user: Address; readonly sealed: string }[]): void {
    for (const { user, sealed } of held)
      this.#held.set(user, { sealed: fromBase64(sealed), neededAt: this.#clock.monotonic() });
  }

  /** For as long as `use` runs. Throws HubError `locked`. */
  async with<Result>(user: Address, use: (hubKey: Uint8Array) => Promise<Result>): Promise<Result> {
    const key = this.#open(user);
    try {
      return await use(key);
    } finally {
      key.fill(0);
    }
  }

  /** Lets go of what has not been needed for a while. */
  sweep(isNeeded: (user: Address) => boolean): void {
    const now = this.#clock.monotonic();
    for (const [user, held] of this.#held)
      if (isNeeded(user)) held.neededAt = now;
      else if (now - held.neededAt > KEY_GRACE_MS) this.#held.delete(user);
  }

  #open(user: Address): Uint8Array {
    const sealed = this.#held.get(user)?.sealed;
    if (sealed === undefined)
      throw new HubError('locked', 'nobody has logged in since the user server stopped', { fix: 'Log in.' });
    return openSealed(this.#keys, HELD_PURPOSE, sealed);
  }
}
