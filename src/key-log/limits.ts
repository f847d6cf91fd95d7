/** The bounds of following a key log. */

/** Pages of one look at a log: a million records, which is a home of a hundred thousand people and their devices. */
export const FOLLOWED_PAGES_MAX = 1_000;
/** Roots kept of those that contradict a log, or are ahead of it: a home that cheats is found out by the first. */
export const HEARD_ROOTS_MAX = 16;
/** Documents that a log may name for one version and still be read: two are a contradiction already. */
export const DOUBLES_READ_MAX = 16;
/** Versions of one account or home that a log is read for. */
export const VERSIONS_READ_MAX = 4_096;
