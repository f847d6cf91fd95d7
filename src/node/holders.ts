/** Whether anybody of the home holds the body of an entry: it was delivered to an account, and that has not erased it. */
import { readUint64 } from '../base/index.ts';
import type { Address, FeedId } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { numbersOf } from './numbering.ts';
import { erasedKey, headKey, mailboxKey } from './view-keys.ts';
import { decodeMailboxRow, mailboxStateOf } from './view-rows.ts';

/** An entry that was folded. */
export interface DeliveredEntry {
  readonly feed: FeedId;
  /** Block index of the header block. */
  readonly index: number;
  /** Accounts that it was delivered to: those of its header, or some of them. */
  readonly accounts: readonly Address[];
}

/** An account in one feed. */
interface Mailbox {
  readonly address: Address;
  readonly feed: FeedId;
  /** Entries. */
  readonly count: number;
  /** The block index of the greatest number that is erased: what lies behind it is held. */
  readonly erasedToIndex: number;
}

interface Delivery {
  /** Which entry. */
  readonly at: number;
  readonly index: number;
  readonly mailbox: Mailbox;
}

/** Of each entry whether one of its accounts holds it. The reads are as many as the mailboxes, not as the entries. */
export async function areHeld(reader: StoreReader, entries: readonly DeliveredEntry[]): Promise<readonly boolean[]> {
  const mailboxes = await readMailboxes(reader, entries);
  const held = entries.map(() => false);
  const doubtful: Delivery[] = [];
  for (const [at, { accounts, feed, index }] of entries.entries())
    for (const address of accounts) {
      const mailbox = mailboxes.get(nameOf(address, feed));
      if (mailbox === undefined || mailbox.count === 0) continue;
      if (index > mailbox.erasedToIndex) held[at] = true;
      else doubtful.push({ at, index, mailbox });
    }
  const open = doubtful.filter(({ at }) => !held[at]);
  const numbers = await numbersOf(
    reader,
    open.map(({ index, mailbox: { address, count, feed } }) => ({
      index,
      count,
      keyOf: (number) => mailboxKey(address, feed, number),
    })),
    (row) => decodeMailboxRow(row).index,
  );
  const answers = await Promise.all(
    open.map(async ({ mailbox }, i) => {
      const number = numbers[i];
      return number !== undefined && (await lastErased(reader, mailbox.address, mailbox.feed, number)) < number;
    }),
  );
  for (const [i, { at }] of open.entries()) if (answers[i] === true) held[at] = true;
  return held;
}

async function readMailboxes(
  reader: StoreReader,
  entries: readonly DeliveredEntry[],
): Promise<ReadonlyMap<string, Mailbox>> {
  const named = new Map<string, Pick<Mailbox, 'address' | 'feed'>>();
  for (const { accounts, feed } of entries)
    for (const address of accounts) named.set(nameOf(address, feed), { address, feed });
  const wanted = [...named.values()];
  const heads = await reader.getMany(wanted.map(({ address, feed }) => headKey(address, feed)));
  const erased = await Promise.all(wanted.map(({ address, feed }) => lastErased(reader, address, feed)));
  const counted = wanted.map((mailbox, i) => {
    const count = mailboxStateOf(heads[i]).number;
    return { ...mailbox, count, erasedTo: Math.min(count, erased[i] as number) };
  });
  const begun = counted.filter(({ erasedTo }) => erasedTo > 0);
  const rows = await reader.getMany(begun.map(({ address, erasedTo, feed }) => mailboxKey(address, feed, erasedTo)));
  const indexes = new Map(begun.map((mailbox, i) => [mailbox, rows[i] && decodeMailboxRow(rows[i]).index]));
  return new Map(
    counted.map((mailbox) => [
      nameOf(mailbox.address, mailbox.feed),
      { ...mailbox, erasedToIndex: indexes.get(mailbox) ?? -1 },
    ]),
  );
}

/** Where the last of the erased ranges ends that begin at `number` or before; 0: there is none. */
async function lastErased(
  reader: StoreReader,
  address: Address,
  feed: FeedId,
  number: number = Number.MAX_SAFE_INTEGER - 1,
): Promise<number> {
  const [from, to] = [erasedKey(address, feed, 0), erasedKey(address, feed, number + 1)];
  const [last] = await reader.range({ from, to, limit: 1, reverse: true });
  return last === undefined ? 0 : readUint64(last.value);
}

function nameOf(address: Address, feed: FeedId): string {
  return `${feed} ${address}`;
}
