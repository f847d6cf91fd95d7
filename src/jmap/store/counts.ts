/**
 * How many emails and threads, and how many unread, each mailbox has. Kept up to date by difference: a thread's share in
 * every mailbox is a pure function of its emails, so each change takes the share from before and adds the one from after.
 */
import type { MailboxCounts } from './records.ts';

/** What counting needs of an email. */
export interface Countable {
  readonly mailboxes: readonly number[];
  readonly isUnread: boolean;
}

type Mutable = { -readonly [Name in keyof MailboxCounts]: MailboxCounts[Name] };

export const NO_COUNTS: MailboxCounts = Object.freeze({
  totalEmails: 0,
  unreadEmails: 0,
  totalThreads: 0,
  unreadThreads: 0,
});

/**
 * The share of one thread. Emails in the trash count as a thread of their own when unread threads are counted (RFC 8621,
 * section 2, unreadThreads): what is only in the trash does not make a thread unread elsewhere, and the other way round.
 */
export function shareOf(emails: readonly Countable[], trash: number | undefined): Map<number, MailboxCounts> {
  const shares = new Map<number, Mutable>();
  let isUnreadOutside = false;
  let isUnreadInTrash = false;
  for (const { mailboxes, isUnread } of emails) {
    const inTrash = trash !== undefined && mailboxes.includes(trash);
    if (isUnread && inTrash) isUnreadInTrash = true;
    if (isUnread && (!inTrash || mailboxes.length > 1)) isUnreadOutside = true;
    for (const mailbox of mailboxes) {
      let share = shares.get(mailbox);
      if (share === undefined) shares.set(mailbox, (share = { ...NO_COUNTS, totalThreads: 1 }));
      share.totalEmails++;
      if (isUnread) share.unreadEmails++;
    }
  }
  for (const [mailbox, share] of shares)
    share.unreadThreads = (mailbox === trash ? isUnreadInTrash : isUnreadOutside) ? 1 : 0;
  return shares;
}

/** Counts by mailbox. `move` says which mailboxes changed. */
export class MailboxTally {
  readonly #counts = new Map<number, MailboxCounts>();

  of(mailbox: number): MailboxCounts {
    return this.#counts.get(mailbox) ?? NO_COUNTS;
  }

  /** The share of so many threads that are alike. */
  add(share: ReadonlyMap<number, MailboxCounts>, threads: number): void {
    for (const [mailbox, counts] of share) {
      const now = this.of(mailbox);
      this.#counts.set(mailbox, {
        totalEmails: now.totalEmails + threads * counts.totalEmails,
        unreadEmails: now.unreadEmails + threads * counts.unreadEmails,
        totalThreads: now.totalThreads + threads * counts.totalThreads,
        unreadThreads: now.unreadThreads + threads * counts.unreadThreads,
      });
    }
  }

  move(before: ReadonlyMap<number, MailboxCounts>, after: ReadonlyMap<number, MailboxCounts>): number[] {
    const changed: number[] = [];
    for (const mailbox of new Set([...before.keys(), ...after.keys()])) {
      const from = before.get(mailbox) ?? NO_COUNTS;
      const to = after.get(mailbox) ?? NO_COUNTS;
      const now = this.of(mailbox);
      const next: MailboxCounts = {
        totalEmails: now.totalEmails + to.totalEmails - from.totalEmails,
        unreadEmails: now.unreadEmails + to.unreadEmails - from.unreadEmails,
        totalThreads: now.totalThreads + to.totalThreads - from.totalThreads,
        unreadThreads: now.unreadThreads + to.unreadThreads - from.unreadThreads,
      };
      if (isSame(now, next)) continue;
      this.#counts.set(mailbox, next);
      changed.push(mailbox);
    }
    return changed;
  }

  drop(mailbox: number): void {
    this.#counts.delete(mailbox);
  }
}

function isSame(a: MailboxCounts, b: MailboxCounts): boolean {
  return (
    a.totalEmails === b.totalEmails &&
    a.unreadEmails === b.unreadEmails &&
    a.totalThreads === b.totalThreads &&
    a.unreadThreads === b.unreadThreads
  );
}
