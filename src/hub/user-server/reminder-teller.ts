/**
 * Tells the control server what this person waits for while nobody is connected: new mail that somebody is to hear of, a
 * time at which a message is to leave, work that a server which was away has not taken yet. Told whenever it is another than
 * was told; what a reminder has woken us for is told anew if it is still not done.
 */
import { type Clock, isAbort, type Log } from '../../base/index.ts';
import { awaitedBy, type MailStore } from '../../jmap/index.ts';
import { LATER_MS } from './limits.ts';

/** As the control server keeps it. */
export interface Reminder {
  readonly id: 'mail' | 'time';
  /** Milliseconds since 1970; null: at no time. */
  readonly at: number | null;
  /** Also when mail comes. */
  readonly onMail: boolean;
}

export interface ReminderTellerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: MailStore;
  /** Whether something waits for a server that has not taken it yet. */
  readonly isUnfinished: () => boolean;
  /** Asks to be woken; neither a time nor mail takes the reminder of that name back. */
  readonly remind: (reminder: Reminder) => Promise<void>;
}

export class ReminderTeller {
  readonly #deps: ReminderTellerDeps;
  #wake: () => void = () => undefined;
  /** What was told; undefined: whether it was heard is not known. */
  #isOnMail: boolean | undefined = false;
  #at: number | null | undefined = null;

  constructor(deps: ReminderTellerDeps) {
    this.#deps = deps;
  }

  /** What is waited for may be another. */
  look(): void {
    this.#wake();
  }

  /** A reminder has come: its time counts no more. */
  woken(): void {
    this.#at = null;
    this.#wake();
  }

  /** The control server has been relieved: what was told it last may be lost. */
  tellAgain(): void {
    this.#isOnMail = undefined;
    this.#at = undefined;
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#tell(signal);
      await woken;
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { log, remind } = this.#deps;
    const { at, mail } = this.#awaited();
    try {
      // Noted before it is heard: what is to be told again meanwhile stays so.
      if (mail !== this.#isOnMail) {
        this.#isOnMail = mail;
        await remind({ id: 'mail', at: null, onMail: mail });
      }
      if (at !== this.#at) {
        this.#at = at;
        await remind({ id: 'time', at, onMail: false });
      }
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      this.#isOnMail = undefined;
      this.#at = undefined;
      // Without a control server this process ends too, and the next one tells what it finds; or another process relieves that,
      // and everything is told again.
      log.debug({ err: error }, 'the control server does not hear');
    }
  }

  #awaited(): { readonly at: number | null; readonly mail: boolean } {
    const { clock, isUnfinished, store } = this.#deps;
    const now = Math.ceil(clock.now());
    const { at, mail } = awaitedBy(store, now);
    if (at !== null && at > now && !isUnfinished()) return { at, mail };
    if (at === null && !isUnfinished()) return { at: null, mail };
    // One that was told already stands until its time comes.
    const told = this.#at ?? 0;
    const again = told > now && told <= now + LATER_MS ? told : now + LATER_MS;
    return { at: at !== null && at > now ? Math.min(at, again) : again, mail };
  }
}
