/**
 * What the client says about its mail (cli.md, `sync` and `report`): of each feed what is held, missing and expired, who
 * was asked and what came of it, and a sentence for people. Pure; nobody is asked.
 */
import type { FeedId } from '../../protocol/index.ts';
import type { Interval } from './interval-set.ts';
import type { Asked, Ledger } from './ledger.ts';

export interface AskedReport {
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly found: number;
  /** Owed after the answer, and of these filled since, by whomever. */
  readonly missing: number;
  readonly filled: number;
}

export interface NodeReport {
  readonly node: string;
  /** Its last signed head; undefined: it has said none. */
  readonly upTo: number | undefined;
  /** It did not answer when it was asked last: what it has is not to be had now. */
  readonly isAway: boolean;
  readonly asked: readonly AskedReport[];
}

export interface FeedReport {
  readonly feed: FeedId;
  /** The longest head known. */
  readonly upTo: number;
  /** Entries held. */
  readonly held: number;
  /** Ascending, inclusive. */
  readonly missing: readonly Interval[];
  readonly expired: readonly Interval[];
  readonly nodes: readonly NodeReport[];
}

export interface Report {
  /** Nothing is missing. What expired stands apart: it is not held, and nobody owes it. */
  readonly complete: boolean;
  readonly report: readonly FeedReport[];
}

/** `nodes`: the names of the list; a node that left it is named while its answers are remembered. `away`: who does not answer. */
export function reportOf(ledgers: readonly Ledger[], nodes: readonly string[], away: ReadonlySet<string>): Report {
  const report = ledgers.map((ledger) => feedReport(ledger, nodes, away));
  // Of a feed without any head nothing is known to be missing, and nothing to be there.
  const known = ledgers.length > 0 && ledgers.every((ledger) => ledger.fields.heads.length > 0);
  return { complete: known && report.every((feed) => feed.missing.length === 0), report };
}

/** "complete up to 1 042 on 2 of 3 nodes": entries, summed over feeds, and the nodes that answer and serve every feed to its head. */
export function sentenceOf({ complete, report }: Report): string {
  const upTo = report.reduce((sum, feed) => sum + feed.upTo, 0);
  const missing = report.reduce((sum, feed) => sum + countOf(feed.missing), 0);
  const expired = report.flatMap((feed) => feed.expired.map(spellInterval));
  const names = new Set(report.flatMap((feed) => feed.nodes.map((node) => node.node)));
  const away = new Set(report.flatMap(({ nodes }) => nodes.filter(({ isAway }) => isAway).map(({ node }) => node)));
  const whole = [...names].filter(
    (name) => !away.has(name) && report.every((feed) => headOf(feed, name) === feed.upTo),
  );
  const begin = complete
    ? `complete up to ${spell(upTo)}`
    : missing === 0
      ? 'nothing is known yet'
      : `${spell(missing)} of ${spell(upTo)} missing (${report.flatMap((feed) => feed.missing.map(spellInterval)).join(', ')})`;
  const end = expired.length === 0 ? '' : `; expired: ${expired.join(', ')}`;
  return `${begin} on ${whole.length} of ${names.size} ${names.size === 1 ? 'node' : 'nodes'}${end}`;
}

/** The longest heads known now, by feed: what a node is compared with a loop later, when it has had time to copy. */
export function headsOf(ledgers: readonly Ledger[]): ReadonlyMap<FeedId, number> {
  return new Map(ledgers.map((ledger) => [ledger.fields.feed, ledger.head]));
}

/** What node choice wants to know of a node: entries under its heads, as far as `known` reaches, against `known`. */
export function completenessOf(
  ledgers: readonly Ledger[],
  node: string,
  known: ReadonlyMap<FeedId, number>,
): { readonly held: number; readonly known: number } {
  const heads = new Map(ledgers.map((ledger) => [ledger.fields.feed, ledger.headOf(node)?.number ?? 0]));
  let [held, total] = [0, 0];
  for (const [feed, number] of known) {
    held += Math.min(number, heads.get(feed) ?? 0);
    total += number;
  }
  return { held, known: total };
}

function feedReport(ledger: Ledger, nodes: readonly string[], away: ReadonlySet<string>): FeedReport {
  const { evidence, expired, feed, held } = ledger.fields;
  const names = new Set([...nodes, ...evidence.map((asked) => asked.node)]);
  return {
    feed,
    upTo: ledger.head,
    held: held.count,
    missing: ledger.owed.intervals,
    expired: expired.intervals,
    nodes: [...names].map((node) => ({
      node,
      upTo: ledger.headOf(node)?.number,
      isAway: away.has(node),
      asked: evidence.filter((asked) => asked.node === node).map((asked) => askedReport(ledger, asked)),
    })),
  };
}

function askedReport(ledger: Ledger, { at, found, from, owed, to }: Asked): AskedReport {
  return { from, to, at, found, missing: owed.count, filled: owed.intersection(ledger.fields.held).count };
}

/** A mailbox that has nothing in a feed is whole on a node that never spoke of it. */
function headOf(feed: FeedReport, name: string): number {
  return feed.nodes.find((node) => node.node === name)?.upTo ?? 0;
}

function countOf(intervals: readonly Interval[]): number {
  return intervals.reduce((count, [from, to]) => count + (to - from + 1), 0);
}

function spellInterval([from, to]: Interval): string {
  return from === to ? spell(from) : `${spell(from)}–${spell(to)}`;
}

/** Thousands parted by a space: 1 042. */
function spell(number: number): string {
  return String(number).replace(/\B(?=(?:[0-9]{3})+$)/g, ' ');
}
