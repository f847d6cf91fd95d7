/** What is known of completeness: the ledgers' report, and what besides is still to come. */
import { type FeedReport, type Report as LedgerReport, reportOf, sentenceOf } from '../ledger/index.ts';
import type { Mailboxes } from './mailboxes.ts';

export interface Report extends LedgerReport {
  /** Bodies still to be fetched. */
  readonly pendingBodies: number;
  /** Entries kept aside because they do not verify. */
  readonly unverified: number;
  /** For people: "complete up to 1 042 on 2 of 3 nodes". */
  readonly sentence: string;
}

export type { FeedReport };

/** `nodes`: the names of the directory; `away`: those that do not answer. */
export function createReport(
  mailboxes: Mailboxes,
  nodes: readonly string[],
  away: ReadonlySet<string>,
  counts: { readonly pendingBodies: number; readonly unverified: number },
): Report {
  const report = reportOf(mailboxes.ledgers, nodes, away);
  return {
    ...report,
    ...counts,
    complete: report.complete && counts.pendingBodies === 0,
    sentence: sentenceOf(report),
  };
}
