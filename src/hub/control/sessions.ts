/**
 * The open sessions of this host, in memory only. A session is open while it has a connection, and a little longer, for
 * programs that ask over HTTP come again. Ending one cuts its connections at once.
 */
import type { Clock } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { SessionId } from '../component/ids.ts';
import type { HubScope } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SESSION_LINGER_MS, SESSIONS_PER_USER_MAX } from './limits.ts';

export interface Session {
  readonly id: SessionId;
  readonly user: Address;
  /** The slots that it hangs on: revoking one of them ends it. */
  readonly slotIds: readonly string[];
  readonly scopes: readonly HubScope[];
  readonly via: Door;
}

export type Door = 'socket' | 'port' | 'http';

export interface SessionStatus extends Session {
  readonly connections: number;
  readonly ageMs: number;
}

interface Entry {
  readonly session: Session;
  readonly openedAt: number;
  readonly cuts: Set<() => void>;
  idleSince: number | undefined;
}

export class Sessions {
  readonly #clock: Clock;
  readonly #onEnded: (session: Session) => void;
  readonly #entries = new Map<SessionId, Entry>();
  readonly #counts = new Map<Address, number>();

  constructor(clock: Clock, onEnded: (session: Session) => void) {
    this.#clock = clock;
    this.#onEnded = onEnded;
  }

  get count(): number {
    return this.#entries.size;
  }

  isOpen(id: SessionId, user: Address): boolean {
    return this.#entries.get(id)?.session.user === user;
  }

  status(): SessionStatus[] {
    const now = this.#clock.monotonic();
    return [...this.#entries.values()].map(({ cuts, openedAt, session }) => ({
      ...session,
      connections: cuts.size,
      ageMs: now - openedAt,
    }));
  }

  /** One connection of a session; `cut` must end it. Throws HubError `busy`. */
  attach(session: Session, cut: () => void): Disposable {
    const entry = this.#entries.get(session.id) ?? this.#open(session);
    entry.idleSince = undefined;
    // Each connection is one, also where the same function cuts two.
    const own = (): void => cut();
    entry.cuts.add(own);
    return {
      [Symbol.dispose]: () => {
        if (entry.cuts.delete(own) && entry.cuts.size === 0) entry.idleSince = this.#clock.monotonic();
      },
    };
  }

  /** Ends the sessions that it holds for, and cuts their connections. */
  end(whose: (session: Session) => boolean): number {
    const ended = [...this.#entries.values()].filter(({ session }) => whose(session));
    for (const entry of ended) {
      this.#close(entry);
      for (const cut of [...entry.cuts]) cut();
    }
    return ended.length;
  }

  /** Ends the sessions that nobody has come back to. */
  sweep(): void {
    const before = this.#clock.monotonic() - SESSION_LINGER_MS;
    for (const entry of [...this.#entries.values()])
      if (entry.idleSince !== undefined && entry.idleSince <= before) this.#close(entry);
  }

  #open(session: Session): Entry {
    const count = this.#counts.get(session.user) ?? 0;
    if (count >= SESSIONS_PER_USER_MAX) throw new HubError('busy', 'too many sessions of this user are open');
    const entry: Entry = { session, openedAt: this.#clock.monotonic(), cuts: new Set(), idleSince: undefined };
    this.#entries.set(session.id, entry);
    this.#counts.set(session.user, count + 1);
    return entry;
  }

  #close({ session }: Entry): void {
    this.#entries.delete(session.id);
    const left = (this.#counts.get(session.user) ?? 1) - 1;
    if (left === 0) this.#counts.delete(session.user);
    else this.#counts.set(session.user, left);
    this.#onEnded(session);
  }
}
