/** The bounds of feeds, each with its reason. */
import { VALUE_BYTES_MAX } from '../store/index.ts';

const MiB = 1024 * 1024;

/** Flat-tree indexes stay below 2^52, so that a parent's index is still an exact JavaScript number. */
export const NODE_INDEX_MAX = 2 ** 52 - 1;
/** Blocks of one feed: leaf i is node 2i. A thousand a second for 70 000 years. */
export const FEED_LENGTH_MAX = 2 ** 51;
/** The largest block a Dat v6 peer may send (hypercore-protocol 6 destroys a peer that sends a larger message). */
export const DAT_BLOCK_BYTES_MAX = 8 * MiB;
/** The largest block we append: one store value, which fits a body (2 MiB) and its row. */
export const BLOCK_BYTES_MAX = VALUE_BYTES_MAX;
/** A batch is hashed in one go on the event loop: this many blocks of 1 KiB take about a third of a second. */
export const BATCH_BLOCKS_MAX = 65_536;
/** A climb has at most 51 siblings and a feed at most 51 roots; more nodes are nobody's proof. */
export const PROOF_NODES_MAX = 128;
/** A varint of a bitfield: eight bytes of seven bits reach past 2^53, the last exact number. */
export const VARINT_BYTES_MAX = 8;
/** Pages of holes that one read brings at opening: a megabyte. */
export const HOLE_PAGES_PER_READ = 1024;
/** One page of a check: bounded memory, and few enough reads that they do not count. */
export const CHECK_PAGE_BLOCKS = 1024;
export const CHECK_PAGE_BYTES = 4 * MiB;
