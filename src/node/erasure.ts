/**
 * Erased bodies as a view: merged ranges of mailbox numbers per account and feed. A body is cleared from its feed when
 * every account it was delivered to has erased it, which only the union of all erase entries tells.
 */
import { readUint64, uint64Bytes } from '../base/index.ts';
import type { Address, FeedId } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { SWEEP_PAGE_ROWS } from './limits.ts';
import type { ViewBuffer } from './view-buffer.ts';
import { attachedKey, erasedKey, mailboxKey } from './view-keys.ts';
import { decodeMailboxRow } from './view-rows.ts';

/** An entry that an account erased; the body goes when no other account of the entry holds it. */
export interface ErasedBody {
  readonly feed: FeedId;
  /** Block index of the header block. */
  readonly index: number;
  /** The account that erased it, and so does not hold it. */
  readonly by?: Address;
}

export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

type RangeReader = Pick<StoreReader, 'range'>;

/** The erased ranges that touch [from, to], ascending. */
export async function erasedRanges(
  reader: RangeReader,
  address: Address,
  feed: FeedId,
  from: number,
  to: number,
): Promise<NumberRange[]> {
  const start = erasedKey(address, feed, 0);
  const before = await reader.range({ from: start, to: erasedKey(address, feed, from), limit: 1, reverse: true });
  const ranges: NumberRange[] = [];
  const read = (rows: readonly { key: Uint8Array; value: Uint8Array }[]): void => {
    for (const { key, value } of rows) {
      const range = { from: readUint64(key, key.length - 8), to: readUint64(value) };
      if (range.to >= from) ranges.push(range);
    }
  };
  read(before);
  let next = erasedKey(address, feed, from);
  const end = erasedKey(address, feed, to + 1);
  for (;;) {
    const rows = await reader.range({ from: next, to: end, limit: SWEEP_PAGE_ROWS });
    read(rows);
    if (rows.length < SWEEP_PAGE_ROWS) return ranges;
    next = erasedKey(address, feed, (ranges.at(-1) as NumberRange).from + 1);
  }
}

/** Marks [from, to] erased; tells which entries were not erased for the account before, and their bytes. */
export async function eraseNumbers(
  buffer: ViewBuffer,
  address: Address,
  feed: FeedId,
  from: number,
  to: number,
): Promise<{ readonly bodies: readonly ErasedBody[]; readonly bytes: number }> {
  // Neighbours merge too, so equal sets have equal rows.
  const touching = await erasedRanges(buffer, address, feed, Math.max(1, from - 1), to + 1);
  const bodies: ErasedBody[] = [];
  let bytes = 0;
  for (const gap of gapsIn(touching, from, to)) {
    for (let start = gap.from; start <= gap.to; start += SWEEP_PAGE_ROWS) {
      const rows = await buffer.range({
        from: mailboxKey(address, feed, start),
        to: mailboxKey(address, feed, Math.min(gap.to + 1, start + SWEEP_PAGE_ROWS)),
        limit: SWEEP_PAGE_ROWS,
      });
      for (const { value } of rows) {
        const row = decodeMailboxRow(value);
        bodies.push({ feed, index: row.index, by: address });
        bytes += row.bodySize;
      }
    }
    bytes += await attachedBytes(buffer, address, feed, gap);
  }
  for (const range of touching) buffer.put(erasedKey(address, feed, range.from), undefined);
  const merged = {
    from: Math.min(from, ...touching.map((range) => range.from)),
    to: Math.max(to, ...touching.map((range) => range.to)),
  };
  buffer.put(erasedKey(address, feed, merged.from), uint64Bytes(merged.to));
  return { bodies, bytes };
}

/** What the entries of a range attach. */
async function attachedBytes(
  reader: RangeReader,
  address: Address,
  feed: FeedId,
  { from, to }: NumberRange,
): Promise<number> {
  let bytes = 0;
  let next = attachedKey(address, feed, from);
  const end = attachedKey(address, feed, to + 1);
  for (;;) {
    const rows = await reader.range({ from: next, to: end, limit: SWEEP_PAGE_ROWS });
    bytes = rows.reduce((sum, { value }) => sum + readUint64(value), bytes);
    const last = rows.at(-1);
    if (last === undefined || rows.length < SWEEP_PAGE_ROWS) return bytes;
    next = attachedKey(address, feed, readUint64(last.key, last.key.length - 8) + 1);
  }
}

export function isErased(ranges: readonly NumberRange[], number: number): boolean {
  return ranges.some((range) => range.from <= number && number <= range.to);
}

function gapsIn(ranges: readonly NumberRange[], from: number, to: number): NumberRange[] {
  const gaps: NumberRange[] = [];
  let next = from;
  for (const range of ranges) {
    if (range.from > next) gaps.push({ from: next, to: Math.min(to, range.from - 1) });
    next = Math.max(next, range.to + 1);
  }
  if (next <= to) gaps.push({ from: next, to });
  return gaps.filter((gap) => gap.from <= gap.to);
}
