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
/** Pages of a bitfield that one read brings at opening: a megabyte. */
export const BITFIELD_PAGES_PER_READ = 1024;
/** One page of a check: bounded memory, and few enough reads that they do not count. */
export const CHECK_PAGE_BLOCKS = 1024;
export const CHECK_PAGE_BYTES = 4 * MiB;
/** Tree rows that a replica keeps in memory: what the blocks under way climb through, at some 1.3 KB each. */
export const TREE_ROWS_MAX = 1024;
/** Signatures that are tried, newest first, to find one under which a sparse replica can prove a block. */
export const PROOF_SIGNATURES_MAX = 64;
/** Blocks that one accepting transaction takes: half a second of hashing and storing at worst. */
export const ACCEPT_BLOCKS_MAX = 4096;
/** Readings of a damaged part of a tree that are kept until something above tells which is right: damage is rare, and local. */
export const SETTLE_OPTIONS_MAX = 16;
/** Rows of a tree that one mending transaction writes. */
export const MEND_GROUPS_MAX = 256;
