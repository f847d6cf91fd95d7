/**
 * What an answer changes, as a pure function. The other home is believed about what it holds of what it was sent: it may
 * send us back (it was restored), never ahead of what it has answered for. An answer that does not bring us past
 * what we sent counts as a failure, so that a home which contradicts itself is asked ever more rarely, not for ever.
 */
import { type Answer, feedIdOf, ItemStatus } from '../../protocol/index.ts';
import { deferredWait, type Moment } from './back-off.ts';
import type { BatchName } from './batch.ts';
import { type Deferred, type DestinationRecord, type Kept, lineOf, NOTHING_KEPT, withLine } from './kept.ts';
import { DETAIL_CHARACTERS_MAX, REJECTIONS_KEPT_MAX } from './limits.ts';
import type { Rejection } from './rejection.ts';

export interface Settled {
  readonly kept: Kept;
  readonly problem: { readonly code: string; readonly message: string } | undefined;
}

/** `reach`: the last number we have in that feed for this destination. */
export function settle(
  kept: Kept,
  { feed, range }: BatchName,
  reach: number,
  answer: Answer,
  now: Moment,
  jitter: number,
): Settled {
  const { first, last } = range;
  const heldTo = Math.min(answer.heldTo, reach);
  const count = last - first + 1;
  if (!isOf(answer, feed)) return bad(kept, 'the answer is about another feed');
  if (answer.results.length === 0) {
    if (heldTo >= first - 1) return bad(kept, 'no results, and no gap before what was sent');
    return {
      kept: withLine(
        { ...kept, deferred: kept.deferred.filter((item) => item.feed !== feed || item.number <= heldTo) },
        { feed, acknowledged: heldTo, flight: undefined },
      ),
      problem: { code: 'rewound', message: `it holds our numbers up to ${heldTo}; ${first} was sent` },
    };
  }
  if (answer.results.length !== count) return bad(kept, `${answer.results.length} results for ${count} items`);
  const line = lineOf(kept, feed);
  const isMain = range.attempt === 0;
  // An answer from the store may be older than what a pull has told us since. What it holds beyond these numbers it was sent
  // by another node, or before we were restored: each is sent again, since some of them may have been put off.
  const acknowledged = isMain && heldTo < last ? heldTo : Math.max(line.acknowledged, Math.min(heldTo, last));
  const refused = refusedBy(answer, feed, first, now);
  return {
    kept: withLine(
      {
        refused,
        record: withRejections(kept.record, refused),
        lines: kept.lines,
        deferred: deferredAfter(kept.deferred, { feed, range }, acknowledged, answer, now, jitter),
      },
      { feed, acknowledged, flight: isMain ? undefined : line.flight },
    ),
    problem:
      heldTo < last
        ? { code: 'held_back', message: `it answered our numbers up to ${last} and holds them up to ${heldTo}` }
        : undefined,
  };
}

/**
 * What it holds, as it said when it asked: only ever ahead. A range in flight stays: its answer may have been lost, and with
 * it that some of its items were put off.
 */
export function acknowledge(kept: Kept, feed: BatchName['feed'], reach: number, heldTo: number): Kept {
  const line = lineOf(kept, feed);
  const acknowledged = Math.min(heldTo, reach);
  return acknowledged <= line.acknowledged ? kept : withLine(kept, { ...line, acknowledged });
}

function deferredAfter(
  deferred: readonly Deferred[],
  { feed, range }: BatchName,
  acknowledged: number,
  answer: Answer,
  now: Moment,
  jitter: number,
): readonly Deferred[] {
  const attempt = range.attempt + 1;
  const dueAt = now.monotonic + deferredWait(attempt, jitter);
  const later = answer.results.flatMap(({ status }, index): Deferred[] => {
    const number = range.first + index;
    // What is not acknowledged comes again in the main line. A status we do not know is a newer home's: ask again later.
    return isFinal(status) || number > acknowledged ? [] : [{ feed, number, attempt, dueAt }];
  });
  const isAnswered = (item: Deferred): boolean =>
    item.feed === feed && item.number >= range.first && item.number <= range.last;
  if (later.length === 0 && !deferred.some(isAnswered)) return deferred;
  return [...deferred.filter((item) => !isAnswered(item)), ...later];
}

/** Always the same object when there are none: then nothing is to be written. */
function refusedBy(answer: Answer, feed: BatchName['feed'], first: number, now: Moment): readonly Rejection[] {
  const refused = answer.results.flatMap(({ status, code, detail }, index): Rejection[] =>
    status === ItemStatus.REJECTED
      ? [{ feed, number: first + index, code: short(code), detail: short(detail), at: now.wall }]
      : [],
  );
  return refused.length === 0 ? NOTHING_KEPT.refused : refused;
}

function withRejections(record: DestinationRecord, refused: readonly Rejection[]): DestinationRecord {
  if (refused.length === 0) return record;
  return {
    ...record,
    rejected: record.rejected + refused.length,
    rejections: [...refused.toReversed(), ...record.rejections].slice(0, REJECTIONS_KEPT_MAX),
  };
}

function isFinal(status: ItemStatus): boolean {
  return status === ItemStatus.OK || status === ItemStatus.DUPLICATE || status === ItemStatus.REJECTED;
}

function isOf(answer: Answer, feed: BatchName['feed']): boolean {
  return answer.feed.length === 32 && feedIdOf(answer.feed) === feed;
}

function short(text: string): string {
  return text.slice(0, DETAIL_CHARACTERS_MAX);
}

function bad(kept: Kept, message: string): Settled {
  return { kept, problem: { code: 'bad_answer', message } };
}
