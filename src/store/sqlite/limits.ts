/** Sizes and bounds of the SQLite adapter, with their reasons. The measurements are in docs/decisions/0003-sqlite-layout.md. */

/**
 * Values from here on are files: a row this large would fill eight pages of the write-ahead log and again of the database,
 * where a file is written once.
 */
export const VALUE_FILE_BYTES_MIN = 64 * 1024;

/** Consecutive value files share a folder, so that a commit syncs few folders and none grows long. */
export const VALUE_FILES_PER_FOLDER = 1000;

/** Value files open at once while a commit writes them: far below any limit on descriptors. */
export const VALUE_FILES_OPEN_MAX = 64;

/** Bytes of a database page: the fastest for writing of those measured. Fixed when a folder is created. */
export const PAGE_BYTES = 8192;

/** Page caches, in KiB. The writer's holds the inner pages of the key index of some ten million rows. */
export const WRITER_CACHE_KIB = 64 * 1024;
export const READER_CACHE_KIB = 64 * 1024;

/**
 * Pages in the write-ahead log that make the writer move them to the database, after it has answered a commit: 16 MiB, so
 * that pages written by many commits move once, and a commit that comes meanwhile waits some 20 ms.
 */
export const CHECKPOINT_PAGES = 2048;

/** SQLite's own threshold, within a commit: only where one single commit is this large (128 MiB). */
export const CHECKPOINT_IN_COMMIT_PAGES = 16_384;

/** What the write-ahead log may keep on disk after a large transaction has been moved out of it. */
export const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/** How long a connection waits for the other's short exclusive moments (recovery, truncating the log). */
export const BUSY_TIMEOUT_MS = 5_000;

/** Keys looked up by one statement, the most that fit first: calling a statement costs as much as a look-up. */
export const KEYS_PER_STATEMENT: readonly number[] = [64, 8, 1];

/** Rows written by one statement: a third cheaper than one by one, and more of them gain no more. */
export const ROWS_PER_PUT = 32;

/** Rows fetched by one statement; a range takes as many as it needs, in one snapshot. */
export const ROWS_PER_STATEMENT = 512;

/** Rows of the first fetch when values are bounded in bytes and their size is not known yet. */
export const ROWS_OF_FIRST_FETCH = 32;

/** Either end keeps a buffer of this size between messages: two pages of entries. A larger one goes with its message. */
export const MESSAGE_BYTES_KEPT = 1024 * 1024;

/** Problems that an integrity check lists before it stops. */
export const PROBLEMS_MAX = 100;

/** The largest number in a message between threads: beyond any answer that fits one, so it stands for no bound. */
export const UINT32_MAX = 0xffff_ffff;

/** Rows that a salvage reads by one statement, before it halves: some megabytes at most. */
export const SALVAGE_ROWS = 4096;

/**
 * Where neither the table nor the index tells the last row's number, so many beyond the last one found are tried: a page has
 * room for a fifth of them.
 */
export const SALVAGE_BEYOND_ROWS = 4096;
