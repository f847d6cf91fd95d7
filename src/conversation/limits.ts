/** The bounds of a conversation, each with its reason. docs/protocol/conversation.md#limits repeats those that homes share. */

/** A change's body is a role, or a setting that people read in a line: the design's room for settings yet to come. */
export const CHANGE_BODY_BYTES_MAX = 4 * 1024;
/** PDUs of one conversation: seven mails a day for 25 years, and what a hostile home can make a fold hold (some 40 MB). */
export const CONVERSATION_PDUS_MAX = 65_536;
/**
 * Changes of members and state that are weighed, and names that founding mails give. Each PDU may need a bit for each
 * change, 512 bytes; weighing costs at most their square for each round.
 */
export const CHANGES_MAX = 4_096;
/** PDUs that wait for others: a long conversation that arrives from its end, as catching up does, fits four times. */
export const WAITING_PDUS_MAX = 16_384;
/** Ids remembered as refused, so that nobody fetches them again; forgetting one costs one more fetch. */
export const REFUSED_IDS_MAX = 4_096;
/**
 * Rounds after the first two until removals agree: a chain of n removals unseen to each other needs n + 1. Part of the
 * protocol: another number folds hostile conversations otherwise.
 */
export const ROUNDS_MAX = 8;
/** Owners whose contested changes are decided one owner after another, elders first. Part of the protocol, as above. */
export const CONTESTS_MAX = 16;
/** Folds of ancestors that are kept for `allows`: concurrent branches that homes write to at the same time. */
export const BRANCHES_KEPT_MAX = 64;
/** Removals that one sweep over the conversation can judge: the bits of a machine word. */
export const SWEEP_REMOVALS = 32;
