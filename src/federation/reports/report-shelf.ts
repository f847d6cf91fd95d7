/** Delivery reports by author: bounded, and each mail has one for each home. */
import { type Address, type DeliveryReport, decodeReport, encodeReport } from '../../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../../store/index.ts';
import { reportKey, reportsOf } from '../row-keys.ts';
import { REPORTS_KEPT_MS, REPORTS_OF_AUTHOR_MAX } from './limits.ts';

/** What is kept longest when there are too many. */
const WORTH = { delivered: 0, delayed: 1, refused: 2 } as const;

/** Newest first. */
export async function readReports(rows: StoreReader, author: Address, now: number): Promise<readonly DeliveryReport[]> {
  const all = await rows.range({ ...reportsOf(author), limit: REPORTS_OF_AUTHOR_MAX });
  return all
    .map(({ value }) => decodeReport(value))
    .filter((report) => !isOver(report, now))
    .sort((a, b) => b.at - a.at);
}

/**
 * Keeps reports, each in place of what was reported of the same mail and home; what is too old or too much goes. Those of
 * them that are kept.
 */
export async function keepReports(
  rows: StoreTransaction,
  author: Address,
  reports: readonly DeliveryReport[],
  now: number,
): Promise<readonly DeliveryReport[]> {
  const limit = REPORTS_OF_AUTHOR_MAX + 1;
  const before = (await rows.range({ ...reportsOf(author), limit })).map(({ value }) => decodeReport(value));
  const replaced = new Set(reports.map(nameOf));
  const others = before.filter((report) => !replaced.has(nameOf(report)));
  const byWorth = [...others, ...reports].sort((a, b) => WORTH[b.status] - WORTH[a.status] || b.at - a.at);
  const kept = new Set(byWorth.filter((report) => !isOver(report, now)).slice(0, REPORTS_OF_AUTHOR_MAX));
  for (const report of [...before, ...reports])
    if (!kept.has(report)) rows.delete(reportKey(author, report.pdu, report.home));
  const written = reports.filter((report) => kept.has(report));
  for (const report of written) rows.put(reportKey(author, report.pdu, report.home), encodeReport(report));
  return written;
}

function nameOf({ home, pdu }: DeliveryReport): string {
  return `${pdu} ${home}`;
}

/** What still waits is told however long it does. */
function isOver({ at, status }: DeliveryReport, now: number): boolean {
  return status !== 'delayed' && now - at > REPORTS_KEPT_MS;
}
