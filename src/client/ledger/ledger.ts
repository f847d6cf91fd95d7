/**
 * The client's record of one mailbox in one feed (design, Words: ledger): which numbers it holds, which expired, what it
 * asked of whom, and how long each node says the mailbox is. Immutable: a change makes a new ledger, which the caller
 * adopts when the store has committed it together with the entries.
 *
 * - Held and expired are disjoint; a number that is held never expires, one that expired can still be held (another node
 *   had the body).
 * - A live entry opens an interval of its own: the cursor is the completed prefix and nothing else moves it.
 * - What is asked never counts as held, whatever the node answered.
 */
import type { Address, FeedId } from '../../protocol/index.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import { EVIDENCE_MAX, NODES_MAX } from './limits.ts';

/** The last head that a node signed for this mailbox; its signature has been checked. */
export interface NodeHead {
  readonly node: string;
  readonly number: number;
  /** The link of that number. */
  readonly link: Uint8Array;
  /** Milliseconds since 1970, for people. */
  readonly at: number;
}

/** A question and what came of it. */
export interface Asked {
  readonly node: string;
  readonly from: number;
  readonly to: number;
  /** When the answer ended, milliseconds since 1970. */
  readonly at: number;
  /** Entries that the node gave. */
  readonly found: number;
  /** What was still owed of the interval afterwards. */
  readonly owed: IntervalSet;
}

export type NumberState = 'complete' | 'incomplete' | 'expired' | 'unasked';

export interface LedgerFields {
  readonly address: Address;
  readonly feed: FeedId;
  readonly held: IntervalSet;
  readonly expired: IntervalSet;
  readonly asked: IntervalSet;
  readonly heads: readonly NodeHead[];
  readonly evidence: readonly Asked[];
}

export class Ledger {
  readonly fields: LedgerFields;

  constructor(fields: LedgerFields) {
    this.fields = fields;
  }

  static create(address: Address, feed: FeedId): Ledger {
    const none = IntervalSet.EMPTY;
    return new Ledger({ address, feed, held: none, expired: none, asked: none, heads: [], evidence: [] });
  }

  /** These entries are stored. */
  markHeld(from: number, to: number): Ledger {
    const { expired, held } = this.fields;
    return this.#with({ held: held.add(from, to), expired: expired.subtract(from, to) });
  }

  /** The bodies of these are gone by retention, as far as they are not held. */
  markExpired(from: number, to: number): Ledger {
    const { expired, held } = this.fields;
    return this.#with({ expired: expired.union(IntervalSet.of([from, to]).difference(held)) });
  }

  /** A question has been answered to its end; what it brought is marked before. */
  markAsked(question: Omit<Asked, 'owed'>): Ledger {
    const { from, to } = question;
    const { asked, evidence } = this.fields;
    const owed = IntervalSet.of([from, to]).difference(this.settled);
    return this.#with({ asked: asked.add(from, to), evidence: this.#remember(evidence, { ...question, owed }) });
  }

  /** A node's verified head. A shorter one than the node's last is an alarm elsewhere, and changes nothing here. */
  noteHead(head: NodeHead): Ledger {
    const before = this.headOf(head.node);
    if (before !== undefined && before.number > head.number) return this;
    const others = this.fields.heads.filter((known) => known.node !== head.node);
    return this.#with({ heads: [...others.slice(-(NODES_MAX - 1)), head] });
  }

  /** The node left the list: what it claimed is no longer owed by anybody. */
  forgetNode(node: string): Ledger {
    return this.#with({ heads: this.fields.heads.filter((head) => head.node !== node) });
  }

  /** The longest head of any node; 0 while none is known. */
  get head(): number {
    return this.fields.heads.reduce((longest, head) => Math.max(longest, head.number), 0);
  }

  headOf(node: string): NodeHead | undefined {
    return this.fields.heads.find((head) => head.node === node);
  }

  /** Held or expired: what no node need send. The ranges of `FeedPosition`. */
  get settled(): IntervalSet {
    return this.fields.held.union(this.fields.expired);
  }

  /** Everything up to here is settled. */
  get cursor(): number {
    return this.settled.prefixEnd;
  }

  /** What is owed up to the head. */
  get owed(): IntervalSet {
    return this.settled.complement(this.head);
  }

  /** What is owed, newest first. */
  missing(): readonly Interval[] {
    return [...this.owed.intervals].reverse();
  }

  stateOf(number: number): NumberState {
    const { asked, expired, held } = this.fields;
    if (held.has(number)) return 'complete';
    if (expired.has(number)) return 'expired';
    return asked.has(number) ? 'incomplete' : 'unasked';
  }

  #with(change: Partial<LedgerFields>): Ledger {
    return new Ledger({ ...this.fields, ...change });
  }

  /** Pages of one catch-up are one question; beyond the bound settled questions are forgotten first, then the oldest. */
  #remember(evidence: readonly Asked[], next: Asked): readonly Asked[] {
    const last = evidence.at(-1);
    if (last !== undefined && last.node === next.node && (next.to + 1 === last.from || last.to + 1 === next.from)) {
      const from = Math.min(last.from, next.from);
      const to = Math.max(last.to, next.to);
      const joined = { ...next, from, to, found: last.found + next.found, owed: last.owed.union(next.owed) };
      return [...evidence.slice(0, -1), joined];
    }
    const all = [...evidence, next];
    if (all.length <= EVIDENCE_MAX) return all;
    const settled = this.settled;
    const forgotten = all.findIndex((asked) => asked.owed.difference(settled).isEmpty);
    all.splice(Math.max(0, forgotten), 1);
    return all;
  }
}
