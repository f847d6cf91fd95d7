/** From a credential to a session that its user server knows: what every door does before it lets anybody through. */
import { type Clock, invariant, type SecureRandom } from '../../base/index.ts';
import { createSessionId } from '../component/ids.ts';
import type { Authenticator, Grant } from './authenticator.ts';
import type { KeyRing } from './key-ring.ts';
import type { Door, Session, Sessions } from './sessions.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { Running } from './user-server.ts';
import type { UserServers } from './user-servers.ts';

export interface AdmissionDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly authenticator: Authenticator;
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly slots: SlotKeeper;
}

/** A connection of a session. Disposing ends the connection's part of it. */
export interface Admitted extends Disposable {
  readonly session: Session;
  readonly running: Running;
}

export class Admission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  get authenticator(): Authenticator {
    return this.#deps.authenticator;
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
    using acquired = new Holds();
    acquired.use(server.hold());
    acquired.use(this.#deps.sessions.attach(session, cut));
    const running = await server.openSession(session.id, session.scopes, signal);
    const kept = acquired.move();
    return { session, running, [Symbol.dispose]: () => kept[Symbol.dispose]() };
  }

  /** A token that opens this session again; the session then hangs on the token's slot too. */
  async withToken(session: Session): Promise<{ readonly session: Session; readonly token: string }> {
    const { keyRing, slots } = this.#deps;
    const parent = session.slotIds.at(-1);
    invariant(parent !== undefined, 'a session hangs on a slot');
    const opened = { session: session.id, scopes: session.scopes, parent };
    const { slot, token } = await keyRing.with(session.user, (hubKey) =>
      slots.addSession(session.user, hubKey, opened),
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

  move(): Disposable {
    const moved = new Holds();
    moved.#held = this.#held;
    this.#held = [];
    return moved;
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.splice(0).reverse()) held[Symbol.dispose]();
  }
}
