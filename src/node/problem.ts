/** What `verify` finds wrong: what it is, where, and what to do. */
import { fromUtf8, toHex } from '../base/index.ts';
import type { CheckProblem } from '../feed/index.ts';

export type ProblemCode =
  | CheckProblem['code']
  | 'store' // the database: its pages, or the list of its files
  | 'entry' // a header block that cannot be read: what is made of it cannot be compared
  | 'block' // of a backup
  | 'view_missing'
  | 'view_extra'
  | 'view_differs';

export interface Problem {
  readonly code: ProblemCode;
  readonly where: string;
  readonly message: string;
  /** One sentence. */
  readonly fix: string;
}

const FROM_OTHERS = 'Run `restante repair` while the node runs: it asks the other nodes of the home.';
const FROM_BLOCKS = 'Run `restante repair`: it is made again from the blocks.';
const FROM_FEEDS = 'Run `restante repair`: it is made again from the feeds.';

const FIXES: Readonly<Record<ProblemCode, string>> = {
  store: 'Stop the node, run `restante repair`, which keeps every row that can be read, and start it again.',
  block_hash: FROM_OTHERS,
  missing_block: FROM_OTHERS,
  unreadable_block: FROM_OTHERS,
  uncleared_block: FROM_BLOCKS,
  missing_node: FROM_BLOCKS,
  node_hash: FROM_BLOCKS,
  signature: FROM_BLOCKS,
  entry: FROM_OTHERS,
  block: 'Take an older backup; what came after it, the person’s devices give back.',
  view_missing: FROM_FEEDS,
  view_extra: FROM_FEEDS,
  view_differs: FROM_FEEDS,
};

/** For what a repair has left: nobody who could be asked has it. */
const AFTER_REPAIR =
  'No node that is linked has it. Run `restante repair` again when all are; if none ever had it, `restante restore` the ' +
  'newest backup: the node begins a new feed, and clients give back what came after.';

export function problem(code: ProblemCode, where: string, message: string): Problem {
  return { code, where, message, fix: FIXES[code] };
}

export function leftByRepair(found: Problem): Problem {
  return found.code === 'store' ? found : { ...found, fix: AFTER_REPAIR };
}

export function blockPlace(feed: string, index: number): string {
  return `feed ${feed.slice(0, FEED_DIGITS)}, block ${index}`;
}

/** By the letter behind `V` (view-keys.ts): what belongs to an account or another home, in one feed. */
const VIEWS_BY_FEED: Readonly<Record<string, string>> = {
  H: 'head of mailbox',
  M: 'mailbox',
  T: 'hours of mailbox',
  X: 'erased of mailbox',
  Y: 'attached in mailbox',
  O: 'outbox for',
  Q: 'outbox head for',
};
/** What belongs to an account in all of them. */
const VIEWS_OF_ACCOUNTS: Readonly<Record<string, string>> = {
  A: 'account',
  N: 'candidates of account',
  R: 'vault record of',
  I: 'chunk list of',
};
const OTHER_VIEWS: Readonly<Record<string, string>> = {
  K: 'home document',
  D: 'candidates of the home',
  P: 'place of PDU',
  G: 'conversation',
  B: 'piece of attachment',
  W: 'reference to attachment',
  C: 'folded length of feed',
};

/** A view row by name: `mailbox alice@home.example, feed 1f0c…, 17`. */
export function viewPlace(key: Uint8Array): string {
  const letter = String.fromCharCode(key[1] ?? 0);
  const name = VIEWS_BY_FEED[letter] ?? VIEWS_OF_ACCOUNTS[letter];
  const end = key.indexOf(0, 2);
  if (name === undefined || end === -1) return `${OTHER_VIEWS[letter] ?? 'row'} ${toHex(key.subarray(2))}`;
  const rest = key.subarray(end + 1);
  const owner = `${name} ${fromUtf8(key.subarray(2, end))}`;
  if (!(letter in VIEWS_BY_FEED) || rest.length < FEED_BYTES)
    return rest.length === 0 ? owner : `${owner}, ${toHex(rest)}`;
  const number = rest.subarray(FEED_BYTES);
  const place = `${owner}, feed ${toHex(rest).slice(0, FEED_DIGITS)}`;
  return number.length === 0 ? place : `${place}, ${BigInt(`0x${toHex(number)}`)}`;
}

const FEED_BYTES = 32;
/** Of a feed's id: enough to tell a home's feeds apart. */
const FEED_DIGITS = 16;
