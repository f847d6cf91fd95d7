/**
 * Messages that are being put into a folder, and those of which it was never heard what became of them. A server may come to
 * such a command long after its connection has ended, when the message was put there again: then it is there twice, and one
 * of them is ours to take away. Stands beside the account in the store, so that it is known in the next life.
 */
import type { Clock } from '../../../base/index.ts';
import type { MailAccount } from '../../../jmap/index.ts';
import { UNHEARD_MAX, UNHEARD_MS } from './limits.ts';

export interface Put {
  readonly mailboxId: string;
  readonly emailId: string;
}

/** What the message is known by, also when the email is gone. */
export interface PutMessage extends Put {
  readonly fingerprint: string;
  readonly size: number;
}

interface Unheard extends PutMessage {
  readonly at: number;
}

interface Kept {
  readonly underWay?: PutMessage | undefined;
  readonly unheard: readonly Unheard[];
}

/** The agent's note. */
const NOTE = 'puts';
const NONE: Kept = { unheard: [] };

export class Puts {
  readonly #clock: Clock;
  readonly #account: MailAccount;

  constructor({ clock }: { readonly clock: Clock }, account: MailAccount) {
    this.#clock = clock;
    this.#account = account;
  }

  /** Before the server is told. */
  begin({ emailId, fingerprint, mailboxId, size }: PutMessage): void {
    this.#keep({ ...this.#kept, underWay: { mailboxId, emailId, fingerprint, size } });
  }

  /** What became of it is known. */
  end(): void {
    if (this.#kept.underWay !== undefined) this.#keep({ unheard: this.#kept.unheard });
  }

  /** Nobody will say any more what became of the one under way, if there is one. Answers into which mailbox it was to go. */
  interrupt(): string | undefined {
    const { underWay, unheard } = this.#kept;
    if (underWay === undefined) return undefined;
    const late = [...unheard, { ...underWay, at: this.#clock.now() }];
    this.#keep({ unheard: late.slice(-UNHEARD_MAX) });
    return underWay.mailboxId;
  }

  /** Messages that may turn up. */
  unheard(): readonly PutMessage[] {
    const since = this.#clock.now() - UNHEARD_MS;
    return this.#kept.unheard.filter(({ at }) => at >= since);
  }

  /** One of them has turned up. */
  heard({ emailId, mailboxId }: Put): void {
    const { underWay, unheard } = this.#kept;
    const at = unheard.findIndex((one) => one.mailboxId === mailboxId && one.emailId === emailId);
    if (at >= 0) this.#keep({ underWay, unheard: unheard.toSpliced(at, 1) });
  }

  /** Read anew each time: a transaction of the store that fails takes its notes back. */
  get #kept(): Kept {
    const note = this.#account.agentValue(NOTE);
    return note === undefined ? NONE : (JSON.parse(note) as Kept);
  }

  #keep(kept: Kept): void {
    this.#account.setAgentValue(NOTE, JSON.stringify(kept));
  }
}
