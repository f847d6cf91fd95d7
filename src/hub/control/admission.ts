/** From a credential to a session that its user server knows: what every door does before it lets anybody through. */
import type { Clock, SecureRandom } from '../../base/index.ts';
import type { Location } from '../../hub-client/index.ts';
import type { Address } from '../../protocol/index.ts';
import { createSessionId } from '../component/ids.ts';
import { HubError } from '../hub-error.ts';
import { type Authenticator, type Credential, claimedUser, type Grant } from './authenticator.ts';
import type { KeyRing } from './key-ring.ts';
import { ROUTE_ATTEMPTS_MAX } from './limits.ts';
import type { Door, Session, Sessions } from './sessions.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { Running } from './user-server-options.ts';
import type { UserServers } from './user-servers.ts';

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly authenticator: Authenticator;
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly slots: SlotKeeper;
  /** The host that has the user, if it is another one. */
  readonly locate: (user: Address, signal: AbortSignal) => Promise<Location | undefined>;
}

/** A connection of a session. Disposing ends the connection's part of it. */
export interface Admitted extends Disposable {
  readonly session: Session;
  /** Performs what changes nothing, if need be again with the process that follows; throws as `UserServer.reach`. */
  readonly reach: <Result>(act: (running: Running) => Promise<Result>) => Promise<Result>;
}

export interface Ways {
  readonly on: (to: Location) => Promise<void>;
  readonly here: () => Promise<void>;
}

export class Admission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  get authenticator(): Authenticator {
    return this.#deps.authenticator;
  }

  /**
   * Sends a program on to the host that has its user, or takes it in here. Who changes hosts meanwhile is looked for again.
   * Throws as `Placement.locate`, and what the two ways throw.
   */
  async route(
    { credential, isForwarded }: { readonly credential: Credential; readonly isForwarded: boolean },
    ways: Ways,
    signal: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        const elsewhere = await this.#elsewhere(credential, isForwarded, signal);
        return await (elsewhere === undefined ? ways.here() : ways.on(elsewhere));
      } catch (error) {
        const hasMoved = error instanceof HubError && error.code === 'moved';
        if (!hasMoved || isForwarded || attempt === ROUTE_ATTEMPTS_MAX) throw error;
      }
  }

  /** The host to send a program on to; undefined: it is ours. */
  async #elsewhere(credential: Credential, isForwarded: boolean, signal: AbortSignal): Promise<Location | undefined> {
    const user = claimedUser(credential);
    const location = user === undefined ? undefined : await this.#deps.locate(user, signal);
    // They were sent here, and have moved on meanwhile: who asks again is sent the right way.
    if (location !== undefined && isForwarded)
      throw new HubError('moved', 'the user has just gone to another host', { retry: 'now' });
    return location;
  }

  /** The session of a grant: the one that a token re-opens, the one that HTTP requests share, or a new one. */
  sessionOf(grant: Grant, via: Door): Session {
    const isNew = via !== 'http' && grant.kind !== 'session';
    return {
      id: isNew ? createSessionId(this.#deps.random) : grant.session,
      user: grant.user,
      slotIds: grant.parent === undefined ? [grant.slotId] : [grant.slotId, grant.parent],
      scopes: grant.scopes,
      via,
    };
  }

  /** `cut` must end the connection. Throws as `UserServer.openSession`, and HubError `busy`. */
  async admit(session: Session, cut: () => void, signal: AbortSignal): Promise<Admitted> {
    const server = this.#deps.servers.of(session.user);
    using acquired = this.#attach(session, cut);
    await server.openSession(session.id, session.scopes, signal);
    const kept = acquired.move();
    return {
      session,
      reach: (act) => server.reach(session, act, signal),
      [Symbol.dispose]: () => kept[Symbol.dispose](),
    };
  }

  /** A connection of a session that needs no user server. Throws HubError `busy`, `closed`. */
  attach(session: Session, cut: () => void): Disposable {
    return this.#attach(session, cut);
  }

  #attach(session: Session, cut: () => void): Holds {
    using acquired = new Holds();
    acquired.use(this.#deps.servers.of(session.user).hold());
    acquired.use(this.#deps.sessions.attach(session, cut));
    return acquired.move();
  }

  /** A token that opens this session again; the session then hangs on the token's slot too. */
  async withToken(session: Session): Promise<{ readonly session: Session; readonly token: string }> {
    const { keyRing, slots } = this.#deps;
    const { slot, token } = await keyRing.with(session.user, (hubKey) =>
      slots.addSession(session.user, hubKey, session),
    );
    return { session: { ...session, slotIds: [slot.id, ...session.slotIds] }, token };
  }
}

/** What is released together, unless it is moved away before (Node 20 lacks DisposableStack). */
class Holds implements Disposable {
  #held: Disposable[] = [];

  use(held: Disposable): void {
    this.#held.push(held);
  }

  move(): Holds {
    const moved = new Holds();
    moved.#held = this.#held;
    this.#held = [];
    return moved;
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.splice(0).reverse()) held[Symbol.dispose]();
  }
}
