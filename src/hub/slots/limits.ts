/** The bounds of key slots, each with its reason. */

const DAY_MS = 86_400_000;

/** Slots of one user: a password, a few programs, and the sessions that may be re-opened. */
export const SLOTS_MAX = 256;
/** Sessions of one user that may be re-opened; beyond that the one that was opened first is forgotten. */
export const SESSION_SLOTS_MAX = 128;
/** A session that nobody has opened again for so long asks for the password. */
export const SESSION_SLOT_MS: number = 30 * DAY_MS;
/** What a person calls a slot. */
export const SLOT_NAME_CHARACTERS_MAX = 100;
/** A file of slots: SLOTS_MAX of half a KiB. */
export const SLOT_FILE_BYTES_MAX: number = 256 * 1024;
/** A password as it is typed; NFKC may triple it. Longer ones only cost work. */
export const PASSWORD_CHARACTERS_MAX = 1_024;
/** Passwords stretched at once: each takes one of the four threads of libuv's pool, and 64 MiB. */
export const STRETCHING_AT_ONCE_MAX = 2;
/** Passwords that wait for their turn: some seconds of work; who comes after that is told to come again. */
export const STRETCHING_QUEUE_MAX = 32;
