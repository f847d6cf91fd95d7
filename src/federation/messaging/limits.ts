/** Commits that wait to be announced; more are read from the feed again. */
export const COMMITS_WAITING_MAX = 1_000;
/** How far was announced is saved this often: a start goes over at most so much again. */
export const ANNOUNCED_SAVE_MS = 10_000;
/** After our own disk failed. */
export const ANNOUNCE_RETRY_MS = 1_000;
/** What a person's client waits for when another home is asked on its behalf; below the client's own patience. */
export const LOOKUP_TIMEOUT_MS = 20_000;
/** A contact makes all that lacks due at most this often: a home that says something every moment must not undo every back-off. */
export const HOLES_HURRY_MS = 10_000;
