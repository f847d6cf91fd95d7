/**
 * Checks what nodes say of one mailbox in one feed against its chain (protocol, mailbox-link.ts): heads by their signatures,
 * entries by one SHA-256 each, and answers for what is missing in them. Pure; keeps only the links at the ends of what was
 * walked and the heads that nodes signed.
 *
 * - An entry is accepted when a link that is known already (the next entry's, a signed head's, the one before) fits it.
 * - What a signed head proves is accepted also against what is held: mail is not lost over a quarrel, but an alarm is raised.
 * - A node is known by its key, whatever it is called.
 */
import { type CryptoSuite, equalBytes, fromBase64 } from '../../base/index.ts';
import { type Address, type FeedId, FIRST_LINK, headBytes, type LinkedEntry, linkOf } from '../../protocol/index.ts';
import type { HeadClaim, MailboxAlarm } from './alarm.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import { OPEN_HEADS_MAX } from './limits.ts';
import { insertAt, isWithin, linksAt, type Neighbours, neighboursOf, type Stretch } from './stretches.ts';

export interface VerifiedMailbox {
  readonly address: Address;
  readonly feed: FeedId;
  readonly stretches: readonly Stretch[];
  /** Oldest first: the last of each node, and earlier ones that no entry has confirmed yet. */
  readonly claims: readonly HeadClaim[];
}

export interface ServedEntry extends LinkedEntry {
  /** The link of the number before, as the node gave it. */
  readonly previousLink: Uint8Array;
}

export interface HeadVerdict {
  readonly mailbox: VerifiedMailbox;
  /** It may be noted in the ledger. */
  readonly accepted: boolean;
  readonly alarms: readonly MailboxAlarm[];
}

export interface RunVerdict<Entry extends ServedEntry> {
  readonly mailbox: VerifiedMailbox;
  /** Proven, and new: to be stored. */
  readonly accepted: readonly Entry[];
  /** Of numbers verified before: compare them with what is held (`compareHeld`). */
  readonly known: readonly Entry[];
  /** Next to nothing that is known: ask for the numbers between, and again. */
  readonly unanchored: readonly Entry[];
  readonly alarms: readonly MailboxAlarm[];
}

export function createVerifiedMailbox(address: Address, feed: FeedId): VerifiedMailbox {
  return { address, feed, stretches: [], claims: [] };
}

/** Whether `acceptHead` should be given the link that the store has for the head's number. */
export function wantsHeldLink(mailbox: VerifiedMailbox, number: number): boolean {
  return isWithin(mailbox.stretches, number);
}

/** Judges a head; `heldLink` is the stored link of its number, where `wantsHeldLink` asks for it. */
export function acceptHead(
  suite: CryptoSuite,
  mailbox: VerifiedMailbox,
  claim: HeadClaim,
  heldLink: Uint8Array | undefined,
): HeadVerdict {
  const { address, feed } = mailbox;
  const { link, node, number, signature } = claim;
  const refuse = (...alarms: readonly MailboxAlarm[]): HeadVerdict => ({ mailbox, accepted: false, alarms });
  if (!suite.verify(signature, headBytes(address, { ...claim, feed }), fromBase64(node)))
    return refuse({ code: 'bad_signature', feed, node, number });
  if (number === 0 && !equalBytes(link, FIRST_LINK)) return refuse({ code: 'wrong_link', feed, node, number });
  const before = lastClaimOf(mailbox, node);
  if (before !== undefined && number < before.number)
    return refuse({ code: 'rolled_back', feed, node, before, after: claim });
  const rivals = mailbox.claims.filter((other) => other.number === number && !equalBytes(other.link, link));
  const alarms: MailboxAlarm[] = rivals.map((rival) => ({
    code: 'two_heads',
    feed,
    node,
    number,
    heads: [rival, claim],
  }));
  if (rivals.some((rival) => rival.node === node)) return refuse(...alarms);
  const held = heldLink === undefined ? linksAt(mailbox.stretches, number) : [heldLink];
  if (alarms.length === 0 && held.length > 0 && !held.some((known) => equalBytes(known, link)))
    alarms.push({ code: 'renumbered', feed, node, number });
  return { mailbox: { ...mailbox, claims: withClaim(mailbox, claim) }, accepted: true, alarms };
}

/** Judges entries that `node` (its key, base64) served, in either order. One SHA-256 each. */
export function checkRun<Entry extends ServedEntry>(
  suite: CryptoSuite,
  mailbox: VerifiedMailbox,
  node: string,
  entries: readonly Entry[],
): RunVerdict<Entry> {
  const run = new Run<Entry>(suite, mailbox, node);
  for (const entry of entries) run.take(entry);
  return run.end();
}

/** An answer to [from, to] has ended with the numbers `got`: what lies under the node's own head and did not come. */
export function checkAnswer(
  mailbox: VerifiedMailbox,
  node: string,
  asked: Interval,
  got: IntervalSet,
): readonly MailboxAlarm[] {
  const head = lastClaimOf(mailbox, node);
  const to = Math.min(asked[1], head?.number ?? 0);
  if (head === undefined || asked[0] > to) return [];
  const missing = IntervalSet.of([asked[0], to]).difference(got);
  return missing.isEmpty ? [] : [{ code: 'withheld', feed: mailbox.feed, node, missing: missing.intervals, head }];
}

/** A served entry of a number that is held must be the one that is held. */
export function compareHeld(
  mailbox: VerifiedMailbox,
  node: string,
  held: LinkedEntry,
  served: LinkedEntry,
): readonly MailboxAlarm[] {
  const same =
    held.number === served.number &&
    held.index === served.index &&
    held.receivedAt === served.receivedAt &&
    held.pduId === served.pduId;
  return same ? [] : [{ code: 'renumbered', feed: mailbox.feed, node, number: served.number }];
}

export function lastClaimOf(mailbox: VerifiedMailbox, node: string): HeadClaim | undefined {
  return mailbox.claims.findLast((claim) => claim.node === node);
}

/** A node's last two claims always stay, as proof; its earlier ones until they are walked past, or too many wait. */
function withClaim(mailbox: VerifiedMailbox, claim: HeadClaim): readonly HeadClaim[] {
  const { claims, stretches } = mailbox;
  const before = lastClaimOf(mailbox, claim.node);
  const isWalked = ({ link, number }: HeadClaim): boolean =>
    isWithin(stretches, number) || linksAt(stretches, number).some((known) => equalBytes(known, link));
  const isDone = (other: HeadClaim): boolean =>
    other.node === claim.node && (other.number === claim.number || (other !== before && isWalked(other)));
  const kept = [...claims.filter((other) => !isDone(other)), claim];
  if (kept.length <= OPEN_HEADS_MAX) return kept;
  const oldest = kept.findIndex((other, i) => kept.some((later, j) => j > i && later.node === other.node));
  kept.splice(Math.max(0, oldest), 1);
  return kept;
}

class Run<Entry extends ServedEntry> {
  readonly #suite: CryptoSuite;
  readonly #mailbox: VerifiedMailbox;
  readonly #node: string;
  readonly #stretches: Stretch[];
  readonly #claims = new Map<number, HeadClaim[]>();
  readonly #accepted: Entry[] = [];
  readonly #known: Entry[] = [];
  readonly #unanchored: Entry[] = [];
  readonly #alarms: MailboxAlarm[] = [];

  constructor(suite: CryptoSuite, mailbox: VerifiedMailbox, node: string) {
    this.#suite = suite;
    this.#mailbox = mailbox;
    this.#node = node;
    this.#stretches = [...mailbox.stretches];
    for (const claim of mailbox.claims)
      this.#claims.set(claim.number, [...(this.#claims.get(claim.number) ?? []), claim]);
  }

  take(entry: Entry): void {
    const found = neighboursOf(this.#stretches, entry.number);
    if (found.around !== undefined) {
      this.#known.push(entry);
      return;
    }
    const link = linkOf(this.#suite, entry.previousLink, entry);
    const above = this.#judgeAbove(entry.number, link, found);
    if (above === 'wrong') this.#alarm({ code: 'wrong_link', ...this.#at, number: entry.number });
    else if (this.#judgeBelow(entry, above === 'proven', found)) this.#accept(entry, link, found);
  }

  end(): RunVerdict<Entry> {
    return {
      mailbox: { ...this.#mailbox, stretches: this.#stretches },
      accepted: this.#accepted,
      known: this.#known,
      unanchored: this.#unanchored,
      alarms: this.#alarms,
    };
  }

  /** By the link of the entry itself: what the next entry names, and what heads at its number say. */
  #judgeAbove(number: number, link: Uint8Array, found: Neighbours): 'proven' | 'open' | 'wrong' {
    if (found.upper !== undefined && !equalBytes(found.upper.below, link)) return 'wrong';
    const claims = this.#claims.get(number) ?? [];
    if (found.upper !== undefined || claims.some((claim) => equalBytes(claim.link, link))) return 'proven';
    return claims.length > 0 ? 'wrong' : 'open';
  }

  /** By the link before it. True when the entry is accepted. */
  #judgeBelow(entry: Entry, proven: boolean, { lower }: Neighbours): boolean {
    const { number, previousLink } = entry;
    const first = number === 1 ? FIRST_LINK : lower?.top;
    const claims = this.#claims.get(number - 1) ?? [];
    const rivals = claims.filter((claim) => !equalBytes(claim.link, previousLink));
    const agrees = first !== undefined ? equalBytes(first, previousLink) : rivals.length < claims.length;
    if (first === undefined && claims.length === 0) {
      if (!proven) this.#unanchored.push(entry);
      return proven;
    }
    if (proven) for (const rival of rivals) this.#twoHeads(rival);
    if (agrees) return true;
    if (number === 1 || (!proven && lower === undefined)) {
      this.#alarm({ code: 'wrong_link', ...this.#at, number });
      return false;
    }
    if (rivals.length === 0 || !proven) this.#alarm({ code: 'renumbered', ...this.#at, number: number - 1 });
    return proven;
  }

  #accept(entry: Entry, link: Uint8Array, found: Neighbours): void {
    const lower =
      found.lower !== undefined && equalBytes(found.lower.top, entry.previousLink) ? found.lower : undefined;
    const { number, previousLink } = entry;
    insertAt(this.#stretches, { number, previousLink, link }, found, lower, found.upper);
    this.#accepted.push(entry);
  }

  /** The chain under a signed head passes another link than `rival` signed for that number. */
  #twoHeads(rival: HeadClaim): void {
    const above = this.#mailbox.claims.filter((claim) => claim.number > rival.number);
    const head = above.findLast((claim) => claim.node === this.#node) ?? above.at(-1);
    if (head === undefined) this.#alarm({ code: 'renumbered', ...this.#at, number: rival.number });
    else this.#alarm({ code: 'two_heads', ...this.#at, number: rival.number, heads: [rival, head] });
  }

  get #at(): { readonly feed: FeedId; readonly node: string } {
    return { feed: this.#mailbox.feed, node: this.#node };
  }

  #alarm(alarm: MailboxAlarm): void {
    this.#alarms.push(alarm);
  }
}
