/** What is known of completeness: said without asking anybody. */
import type { FeedId } from '../../protocol/index.ts';
import { gapsIn, type IntervalSet } from '../mail/interval-set.ts';
import { type FeedLedger, topOf } from './feed-ledger.ts';

export type NumberRange = readonly [from: number, to: number];

export interface FeedReport {
  readonly feed: FeedId;
  /** The longest head that was signed. */
  readonly upTo: number;
  /** Entries held. */
  readonly held: number;
  /** To be had, and not held. */
  readonly missing: readonly NumberRange[];
  /** Held without a body: deleted, expired or superseded before it came. */
  readonly expired: readonly NumberRange[];
  /** In a feed that ended short of them (a restored server), and not held: other devices may give them back. */
  readonly lost: readonly NumberRange[];
  /** The feed will not grow. */
  readonly retired: boolean;
  /** Who showed which head last. */
  readonly nodes: readonly { readonly node: string; readonly upTo: number }[];
}

export interface Report {
  /** Nothing is missing, and every body that is to be had is here. */
  readonly complete: boolean;
  readonly feeds: readonly FeedReport[];
  /** Bodies still to be fetched. */
  readonly pendingBodies: number;
  /** Entries kept aside because they do not verify. */
  readonly unverified: number;
}

export function reportOf(
  ledgers: readonly FeedLedger[],
  counts: { readonly pendingBodies: number; readonly unverified: number },
): Report {
  const feeds = ledgers.map(feedReport);
  const complete = counts.pendingBodies === 0 && feeds.every(({ missing }) => missing.length === 0);
  return { complete, feeds, ...counts };
}

function feedReport(ledger: FeedLedger): FeedReport {
  const { feed, held, erased, shown } = ledger;
  const upTo = Math.max(ledger.best?.number ?? 0, topOf(ledger));
  const end = endOf(ledger);
  const gaps = gapsIn(held, upTo);
  return {
    feed,
    upTo,
    held: held.reduce((sum, { from, to }) => sum + to - from + 1, 0),
    missing: ranges(gaps.filter(({ from }) => from <= end).map(({ from, to }) => ({ from, to: Math.min(to, end) }))),
    expired: ranges(erased),
    lost: ranges(gaps.filter(({ to }) => to > end).map(({ from, to }) => ({ from: Math.max(from, end + 1), to }))),
    retired: isRetired(ledger),
    nodes: Object.entries(shown).map(([node, head]) => ({ node, upTo: head.number })),
  };
}

export function isRetired({ shown, best }: FeedLedger): boolean {
  return best?.retired === true || Object.values(shown).some((head) => head.retired);
}

/** The last number that can be had: where a retired feed ended, or the longest head. */
export function endOf(ledger: FeedLedger): number {
  const heads = Object.values(ledger.shown);
  const ends = heads.filter((head) => head.retired).map((head) => head.number);
  // Some node may hold more of a feed that ended than another: the longest end counts.
  return ends.length > 0 ? Math.max(...ends) : (ledger.best?.number ?? 0);
}

function ranges(set: IntervalSet): NumberRange[] {
  return set.map(({ from, to }) => [from, to]);
}
