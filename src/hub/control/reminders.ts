/**
 * What wakes the user server of somebody who is not connected: a time (a delayed send, an auto-reply's end) or mail (a push
 * subscription). A user server says what it waits for, and the control server keeps it, in memory, with the key that the
 * user server will need: until the hub itself starts anew, when nobody has a key and a wake-up could only announce.
 */
import type { Address } from '../../protocol/index.ts';
import { HubError, type HubErrorCode } from '../hub-error.ts';
import { REMINDERS_PER_USER_MAX, WAKE_AGAIN_MS } from './limits.ts';

/** Of the control server itself: no user server has this name. */
const AGAIN = 'again';

export interface Reminder {
  /** The user server's name for it; the same again replaces it. */
  readonly id: string;
  /** Milliseconds since 1970; null: no time. */
  readonly at: number | null;
  /** Also when mail comes. */
  readonly onMail: boolean;
}

export class Reminders {
  readonly #byUser = new Map<Address, Map<string, Reminder>>();

  /** One without a time that mail does not wake either is taken away. Throws HubError `busy`. */
  set(user: Address, reminder: Reminder): void {
    const mine = this.#byUser.get(user) ?? new Map<string, Reminder>();
    if (reminder.at === null && !reminder.onMail) mine.delete(reminder.id);
    else if (mine.size >= REMINDERS_PER_USER_MAX && !mine.has(reminder.id))
      throw new HubError('busy', 'too many reminders of one user');
    else mine.set(reminder.id, reminder);
    if (mine.size === 0) this.#byUser.delete(user);
    else this.#byUser.set(user, mine);
  }

  all(): { user: Address; reminder: Reminder }[] {
    return [...this.#byUser].flatMap(([user, mine]) => [...mine.values()].map((reminder) => ({ user, reminder })));
  }

  has(user: Address): boolean {
    return this.#byUser.has(user);
  }

  /** Another host has the user, and keeps what they wait for. */
  forget(user: Address): void {
    this.#byUser.delete(user);
  }

  /** Their user server could not be woken: another host has them, and keeps what they wait for, or it is tried again soon. */
  notWoken(user: Address, code: HubErrorCode, now: number): void {
    if (code === 'moved') this.forget(user);
    else if (
      this.#byUser.get(user)?.has(AGAIN) === true ||
      (this.#byUser.get(user)?.size ?? 0) < REMINDERS_PER_USER_MAX
    )
      this.set(user, { id: AGAIN, at: now + WAKE_AGAIN_MS, onMail: false });
  }

  wakesOnMail(user: Address): boolean {
    return [...(this.#byUser.get(user)?.values() ?? [])].some(({ onMail }) => onMail);
  }

  /** Whose time has come; each time is given once. */
  takeDue(now: number): Address[] {
    const due: Address[] = [];
    for (const [user, mine] of this.#byUser) {
      const passed = [...mine.values()].filter(({ at }) => at !== null && at <= now);
      if (passed.length === 0) continue;
      due.push(user);
      for (const reminder of passed) this.set(user, { ...reminder, at: null });
    }
    return due;
  }
}
