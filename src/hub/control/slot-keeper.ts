/** The slots of every user of this host: read when asked, changed one after another for each user. */
import { type Clock, invariant, type SecureRandom } from '../../base/index.ts';
import type { Address, EnrolmentParameters } from '../../protocol/index.ts';
import type { HubScope } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SESSION_SLOT_MS } from '../slots/limits.ts';
import { createPasswordSlot, createTokenSlot, type Slot } from '../slots/slot.ts';
import { readSlots, withSlot, writeSlots } from '../slots/slot-file.ts';
import type { Stretcher } from '../slots/stretcher.ts';
import type { Session } from './sessions.ts';
import type { UserFolders } from './user-folders.ts';

export interface SlotKeeperDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly folders: UserFolders;
  readonly stretcher: Stretcher;
}

export interface AppPasswordTerms {
  readonly name: string;
  readonly scopes: readonly HubScope[];
  readonly expiresAt?: number | undefined;
}

export class SlotKeeper {
  readonly #deps: SlotKeeperDeps;
  /** The last change of each user that is under way. */
  readonly #changes = new Map<Address, Promise<void>>();
  #isClosed = false;

  constructor(deps: SlotKeeperDeps) {
    this.#deps = deps;
  }

  of(user: Address): Promise<readonly Slot[]> {
    return readSlots(this.#deps.folders.of(user));
  }

  async addPassword(
    user: Address,
    hubKey: Uint8Array,
    asked: { readonly password: string; readonly stretching: EnrolmentParameters },
    now: number,
  ): Promise<Slot> {
    const { random, stretcher } = this.#deps;
    const { password, stretching } = asked;
    const key = await stretcher.stretch(password, stretching);
    const terms = { kind: 'password', name: 'password', scopes: [], createdAt: Math.floor(now) } as const;
    const slot = createPasswordSlot(random, hubKey, terms, { stretching, key });
    await this.#change(user, (slots) => withSlot(slots, slot, now));
    return slot;
  }

  /** The token is shown once. */
  async addApp(user: Address, hubKey: Uint8Array, terms: AppPasswordTerms): Promise<{ slot: Slot; token: string }> {
    return this.#addToken(user, hubKey, { kind: 'app', ...terms });
  }

  /** It opens no more and no longer than what it was opened with. Throws HubError `refused` when that was revoked. */
  async addSession(
    user: Address,
    hubKey: Uint8Array,
    opened: Pick<Session, 'id' | 'scopes' | 'slotIds'>,
  ): Promise<{ slot: Slot; token: string }> {
    const { id: session, scopes, slotIds } = opened;
    const parent = slotIds.at(-1);
    invariant(parent !== undefined, 'a session hangs on a slot');
    const expiresAt = Math.floor(this.#deps.clock.now()) + SESSION_SLOT_MS;
    const terms = { kind: 'session', name: session, scopes, parent, expiresAt } as const;
    return this.#addToken(user, hubKey, terms, (slot, slots) => within(slot, slotIds, slots));
  }

  /** With the sessions that it has opened. Throws HubError `absent`. */
  async revoke(user: Address, slotId: string): Promise<void> {
    await this.#change(user, (slots) => {
      const kept = slots.filter(({ id, parent }) => id !== slotId && parent !== slotId);
      if (kept.length === slots.length) throw new HubError('absent', 'there is no such app password or session');
      return kept;
    });
  }

  /** The account has ended: nothing opens what is here any more. */
  async revokeAll(user: Address): Promise<void> {
    await this.#change(user, () => []);
  }

  async forgetIfNew(user: Address): Promise<void> {
    await this.#deps.folders.forgetIfNew(user);
  }

  /** When this resolves, what was under way is on the disk, and nothing is changed any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#changes.values());
  }

  async #addToken(
    user: Address,
    hubKey: Uint8Array,
    terms: AppPasswordTerms & { readonly kind: 'app' | 'session'; readonly parent?: string },
    judge = (slot: Slot, _slots: readonly Slot[]): Slot => slot,
  ): Promise<{ slot: Slot; token: string }> {
    const { clock, random } = this.#deps;
    const made = createTokenSlot(random, user, hubKey, { ...terms, createdAt: Math.floor(clock.now()) });
    let { slot } = made;
    await this.#change(user, (slots) => {
      slot = judge(made.slot, slots);
      return withSlot(slots, slot, clock.now());
    });
    return { ...made, slot };
  }

  async #change(user: Address, change: (slots: readonly Slot[]) => readonly Slot[]): Promise<void> {
    if (this.#isClosed) throw new HubError('closed', 'the hub stops', { retry: 'now' });
    const before = this.#changes.get(user) ?? Promise.resolve();
    const act = async (): Promise<void> => {
      const folder = this.#deps.folders.of(user);
      await writeSlots(folder, change(await readSlots(folder)));
    };
    // A change that failed is its caller's; the next one begins with what is on disk.
    const mine = before.then(act, act);
    this.#changes.set(user, mine);
    try {
      await mine;
    } finally {
      if (this.#changes.get(user) === mine) this.#changes.delete(user);
    }
  }
}

/** As the slots are by now: while it was made, what its session was opened with may have been revoked, and its slots with it. */
function within(slot: Slot, slotIds: readonly string[], slots: readonly Slot[]): Slot {
  if (!slots.some(({ id }) => slotIds.includes(id)))
    throw new HubError('refused', 'what this session was opened with has been revoked');
  const parent = slots.find(({ id }) => id === slot.parent);
  const ends = [slot, parent].flatMap((one) => one?.expiresAt ?? []);
  return { ...slot, expiresAt: Math.min(...ends) };
}
