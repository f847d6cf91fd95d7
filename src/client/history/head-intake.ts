/** Heads that a node shows: held against what is known, remembered, and what they contradict told. */
import { type Clock, type CryptoSuite, equalBytes, toBase64 } from '../../base/index.ts';
import { type FeedId, linkOf, type MailboxHead, pduIdOf } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { Alarms, NewAlarm } from '../alarms.ts';
import { entryKey } from '../keys.ts';
import { acceptHead, type HeadClaim, lastClaimOf, wantsHeldLink } from '../ledger/index.ts';
import { decodeEntryRow } from '../mail/entry-row.ts';
import { describeAlarm } from './mailbox-alarms.ts';
import { type FeedMailbox, feedOf, type Mailboxes } from './mailboxes.ts';
import type { PageSource } from './page-intake.ts';

export interface HeadDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly mailboxes: Mailboxes;
}

/** A feed that ended short of what its node had signed. */
export interface Restoration {
  readonly feed: string;
  /** Where it ends now. */
  readonly number: number;
}

export class HeadIntake {
  readonly #deps: HeadDeps;

  constructor(deps: HeadDeps) {
    this.#deps = deps;
  }

  /** Returns what a restored node ended, told for the first time. */
  async take(source: PageSource, heads: readonly MailboxHead[]): Promise<readonly Restoration[]> {
    const changed = new Set<FeedId>();
    try {
      return await this.#take(source, heads, changed);
    } catch (error) {
      // Shown once more they would be no news, and never be written.
      if (changed.size > 0) this.#deps.mailboxes.distrust();
      throw error;
    }
  }

  async #take(
    { connection, node }: PageSource,
    heads: readonly MailboxHead[],
    changed: Set<FeedId>,
  ): Promise<readonly Restoration[]> {
    const { alarms, mailboxes, store } = this.#deps;
    const key = toBase64(connection.info.node);
    const raised: NewAlarm[] = [];
    const restorations: Restoration[] = [];
    for (const head of heads) {
      if (head.feed.length !== 32 || head.link.length !== 32 || head.signature.length !== 64) continue;
      const feed = feedOf(head.feed);
      const { number, link, expiredTo, retired, signature } = head;
      const claim: HeadClaim = { node: key, number, link, expiredTo, retired, signature };
      const isWalked = wantsHeldLink(mailboxes.of(feed).verified, number);
      const heldLink = isWalked ? await this.#storedLink(feed, number) : undefined;
      // From here on nothing waits: a page that another pass takes meanwhile would be forgotten with its entries.
      const mailbox = mailboxes.of(feed);
      const before = lastClaimOf(mailbox.verified, key);
      if (before !== undefined && isSame(before, claim)) continue;
      const taken = this.#judge(mailbox, claim, heldLink, node);
      raised.push(...taken.alarms);
      if (taken.mailbox === mailbox) continue;
      mailboxes.set(taken.mailbox);
      changed.add(feed);
      if (before !== undefined && endsShort(before, claim)) restorations.push({ feed: mailbox.feed, number });
    }
    // As they are at this moment: what pages made of them since is on its way to the disk before this.
    const now = [...changed].map((feed) => mailboxes.of(feed));
    if (now.length > 0 || raised.length > 0)
      await store.transact((transaction) => {
        for (const mailbox of now) mailboxes.write(transaction, mailbox);
        for (const alarm of raised) alarms.raiseIn(transaction, alarm);
      });
    // A node that was restored says so by ending its feed: then it did not cheat.
    for (const { feed } of restorations) await alarms.clear(['rolled_back'], feed);
    return restorations;
  }

  #judge(
    mailbox: FeedMailbox,
    claim: HeadClaim,
    heldLink: Uint8Array | undefined,
    node: string,
  ): { mailbox: FeedMailbox; alarms: NewAlarm[] } {
    const { clock, suite } = this.#deps;
    const before = lastClaimOf(mailbox.verified, claim.node);
    const restored = before !== undefined && endsShort(before, claim);
    // What the node signed before it was restored counts no more: its feed ends here.
    const claims = restored
      ? mailbox.verified.claims.filter((other) => other.node !== claim.node)
      : mailbox.verified.claims;
    const verdict = acceptHead(suite, { ...mailbox.verified, claims }, claim, heldLink);
    const alarms = verdict.alarms.map((alarm) => describeAlarm(alarm, node));
    if (!verdict.accepted) return { mailbox, alarms };
    const at = Math.floor(clock.now());
    const known = restored ? mailbox.ledger.forgetNode(node) : mailbox.ledger;
    const ledger = known.noteHead({ node, number: claim.number, link: claim.link, at });
    return { mailbox: { ...mailbox, ledger, verified: verdict.mailbox }, alarms };
  }

  async #storedLink(feed: FeedId, number: number): Promise<Uint8Array | undefined> {
    const { store, suite } = this.#deps;
    const value = await store.get(entryKey(feed, number));
    if (value === undefined) return undefined;
    const row = decodeEntryRow(value);
    return linkOf(suite, row.previousLink, { ...row, number, pduId: pduIdOf(suite, row.pdu) });
  }
}

function endsShort(before: HeadClaim, now: HeadClaim): boolean {
  return now.retired && !before.retired && now.number < before.number;
}

function isSame(a: HeadClaim, b: HeadClaim): boolean {
  const same = a.number === b.number && a.expiredTo === b.expiredTo && a.retired === b.retired;
  return same && equalBytes(a.link, b.link);
}
