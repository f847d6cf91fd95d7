/**
 * The ledger of this account's mailbox in one feed: which numbers are held, which bodies had been erased before they came,
 * and what each node signed last. Pure: heads and entries go in, the next ledger and what contradicts it come out. An entry
 * counts as held only when its link hangs on a signed head, so a node that withholds, renumbers or shows two histories
 * contradicts its own signature, here.
 */
import { type CryptoSuite, equalBytes } from '../../base/index.ts';
import { type FeedId, linkOf, type PduId, type SignedHead } from '../../protocol/index.ts';
import { addNumbers, gapsIn, type Interval, type IntervalSet, NO_NUMBERS } from '../mail/interval-set.ts';
import { isHeld, joinInterval, type LinkedIntervals, linkAt } from './linked-intervals.ts';

/** A head with the signature of the node that showed it. */
export interface ShownHead extends SignedHead {
  readonly signature: Uint8Array;
  /** Milliseconds since 1970, this device's clock. */
  readonly at: number;
}

export interface FeedLedger {
  readonly feed: FeedId;
  readonly held: LinkedIntervals;
  /** Held, but without a body: it was gone before it came here. */
  readonly erased: IntervalSet;
  /** Of a feed that ended below what is held: numbers given back to the home. */
  readonly offered: IntervalSet;
  /** The last head of each node, by name. */
  readonly shown: Readonly<Record<string, ShownHead>>;
  /** The longest head that was signed. */
  readonly best: ShownHead | undefined;
}

export function createFeedLedger(feed: FeedId): FeedLedger {
  return { feed, held: [], erased: NO_NUMBERS, offered: NO_NUMBERS, shown: {}, best: undefined };
}

export type HeadProblem = 'two_heads' | 'rolled_back';

export interface Problem<Code extends string> {
  readonly code: Code;
  readonly why: string;
}

/** What a node's head, its signature verified already, says beside what is known. */
export function takeHead(
  ledger: FeedLedger,
  node: string,
  head: ShownHead,
): { readonly ledger: FeedLedger; readonly problem: Problem<HeadProblem> | undefined } {
  const problem = contradictionOf(ledger, node, head);
  // What contradicts changes nothing: the head before is what the node is confronted with.
  if (problem !== undefined) return { ledger, problem };
  const shown = { ...ledger.shown, [node]: head };
  const longer = ledger.best === undefined || head.number >= ledger.best.number;
  return { ledger: { ...ledger, shown, best: longer ? head : ledger.best }, problem: undefined };
}

function contradictionOf(ledger: FeedLedger, node: string, head: ShownHead): Problem<HeadProblem> | undefined {
  const known = [...Object.values(ledger.shown), ...(ledger.best === undefined ? [] : [ledger.best])];
  const twin = known.find((other) => other.number === head.number && !equalBytes(other.link, head.link));
  const held = linkAt(ledger.held, head.number);
  if (twin !== undefined || (held !== undefined && !equalBytes(held, head.link)))
    return { code: 'two_heads', why: `two histories of ${head.number} entries in feed ${head.feed} are signed` };
  const before = ledger.shown[node];
  if (before !== undefined && head.number < before.number && !head.retired)
    return {
      code: 'rolled_back',
      why: `the node signed ${before.number} entries of feed ${head.feed} before, and ${head.number} now`,
    };
  return undefined;
}

/** An entry as far as the chain of its mailbox goes. */
export interface LinkedEntryLike {
  readonly number: number;
  readonly index: number;
  readonly receivedAt: number;
  readonly previousLink: Uint8Array;
  readonly pduId: PduId;
}

export interface TakenEntries<Entry> {
  readonly ledger: FeedLedger;
  /** Ascending: these are what the node signed, and were not held. */
  readonly accepted: readonly Entry[];
  /** An entry that does not fit the chain: it and what hangs on it were not taken. */
  readonly problem: Problem<'renumbered'> | undefined;
  /** Entries that hang on nothing known yet: to be asked for once more. */
  readonly floating: number;
}

/** Takes what fits of a page; whatever its order, duplicates and holes. */
export function takeEntries<Entry extends LinkedEntryLike>(
  suite: CryptoSuite,
  ledger: FeedLedger,
  entries: readonly Entry[],
): TakenEntries<Entry> {
  const fresh = entries.filter(({ number }) => !isHeld(ledger.held, number)).sort((a, b) => a.number - b.number);
  const accepted: Entry[] = [];
  let { held } = ledger;
  let problem: Problem<'renumbered'> | undefined;
  let floating = 0;
  // From the top, so that the upper end of each run is known when the one above it was taken.
  for (const run of runsOf(fresh, headNumbers(ledger)).reverse()) {
    const taken = takeRun(suite, { ...ledger, held }, run);
    held = taken.held;
    accepted.unshift(...taken.accepted);
    problem ??= taken.problem;
    floating += taken.floating;
  }
  return { ledger: { ...ledger, held }, accepted, problem, floating };
}

/** Bodies that were gone before they came. */
export function markErased(ledger: FeedLedger, numbers: readonly number[]): FeedLedger {
  return numbers.length === 0 ? ledger : { ...ledger, erased: addNumbers(ledger.erased, numbers) };
}

/** The numbers up to `head` that are not held, ascending. */
export function missingIn(ledger: FeedLedger, head: number): Interval[] {
  return gapsIn(ledger.held, head);
}

/** The greatest number held. */
export function topOf(ledger: FeedLedger): number {
  return ledger.held.at(-1)?.to ?? 0;
}

interface TakenRun<Entry> {
  readonly held: LinkedIntervals;
  readonly accepted: readonly Entry[];
  readonly problem: Problem<'renumbered'> | undefined;
  readonly floating: number;
}

function takeRun<Entry extends LinkedEntryLike>(
  suite: CryptoSuite,
  ledger: FeedLedger,
  run: readonly Entry[],
): TakenRun<Entry> {
  const { held } = ledger;
  const low = run[0] as Entry;
  const high = run.at(-1) as Entry;
  const above = knownLink(ledger, high.number);
  const below = knownLink(ledger, low.number - 1);
  if (above === undefined && below === undefined)
    return { held, accepted: [], problem: undefined, floating: run.length };
  const links = run.map((entry) => linkOf(suite, entry.previousLink, entry));
  // The part of the run that hangs together, from the end that is known.
  const accepted =
    above === undefined ? fitFromBelow(run, links, below as Uint8Array) : fitFromAbove(run, links, above);
  const whole = accepted.length === run.length;
  const closes = above === undefined || below === undefined || !whole || equalBytes(low.previousLink, below);
  if (accepted.length === 0 || !closes) return { held, accepted: [], problem: misfit(run), floating: 0 };
  const first = accepted[0] as Entry;
  const last = accepted.at(-1) as Entry;
  const interval = {
    from: first.number,
    to: last.number,
    below: first.previousLink,
    above: links[last.number - low.number] as Uint8Array,
  };
  return { held: joinInterval(held, interval), accepted, problem: whole ? undefined : misfit(run), floating: 0 };
}

function fitFromAbove<Entry extends LinkedEntryLike>(
  run: readonly Entry[],
  links: readonly Uint8Array[],
  above: Uint8Array,
): readonly Entry[] {
  let expected = above;
  let from = run.length;
  while (from > 0 && equalBytes(links[from - 1] as Uint8Array, expected)) {
    from -= 1;
    expected = (run[from] as Entry).previousLink;
  }
  return run.slice(from);
}

function fitFromBelow<Entry extends LinkedEntryLike>(
  run: readonly Entry[],
  links: readonly Uint8Array[],
  below: Uint8Array,
): readonly Entry[] {
  let expected = below;
  let to = 0;
  while (to < run.length && equalBytes((run[to] as Entry).previousLink, expected)) {
    expected = links[to] as Uint8Array;
    to += 1;
  }
  return run.slice(0, to);
}

/** The link of a number, by what is held or by a head that some node signed. */
function knownLink(ledger: FeedLedger, number: number): Uint8Array | undefined {
  const held = linkAt(ledger.held, number);
  if (held !== undefined) return held;
  if (ledger.best?.number === number) return ledger.best.link;
  return Object.values(ledger.shown).find((head) => head.number === number)?.link;
}

function misfit(run: readonly LinkedEntryLike[]): Problem<'renumbered'> {
  const numbers = `${run[0]?.number}-${run.at(-1)?.number}`;
  return { code: 'renumbered', why: `entries ${numbers} do not fit the mailbox that the node signed` };
}

/** Numbers whose link a signature fixes: a run is cut there, so that it hangs on it from both sides. */
function headNumbers({ shown, best }: FeedLedger): ReadonlySet<number> {
  const heads = [...Object.values(shown), ...(best === undefined ? [] : [best])];
  return new Set(heads.map(({ number }) => number));
}

function runsOf<Entry extends LinkedEntryLike>(ascending: readonly Entry[], cuts: ReadonlySet<number>): Entry[][] {
  const runs: Entry[][] = [];
  for (const entry of ascending) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (last !== undefined && entry.number === last.number) continue; // a duplicate within the page
    const follows = last !== undefined && entry.number === last.number + 1 && !cuts.has(last.number);
    if (follows) run?.push(entry);
    else runs.push([entry]);
  }
  return runs;
}
