/** The bounds of drives, each with its reason. */
const KiB = 1024;

/** A file's content in blocks of this size, as hyperdrive 9 cuts it. */
export const FILE_BLOCK_BYTES = 64 * KiB;
/** A name with all its folders: what file systems take. */
export const NAME_BYTES_MAX = 4 * KiB;
/** Folders in folders; each is a level of the index of every file below it. */
export const NAME_PARTS_MAX = 256;
/** A number of a metadata entry: eight bytes of seven bits reach past 2^53. */
export const METADATA_READ_BLOCKS = 1024;
/** Bytes of files that one transaction brings, and of how many files at most. */
export const SHARE_BATCH_BYTES_MAX = 1024 * KiB;
export const SHARE_BATCH_FILES_MAX = 256;
/** Blocks of a file that one read brings: two megabytes. */
export const CHECKOUT_READ_BLOCKS = 32;
