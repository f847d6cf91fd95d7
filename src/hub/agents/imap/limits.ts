/** The bounds of the agent of an IMAP account, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** What a person sees first: fetched before anything else of a folder is looked at. */
export const FIRST_SCREEN = 50;
/** Headers fetched and told at once: one transaction of the store, and how long whoever reads a message waits at most. */
export const HEADER_BATCH = 200;
/**
 * Newest messages whose flags are read at each look at a folder of a server without mod-sequences, which does not say what was
 * changed: what people change is mostly among them, and a folder of 100 000 costs 40 kB then and not 4 MB.
 */
export const FLAGS_WINDOW = 1_000;
/** The flags of all the others are read so often there. */
export const FLAGS_INTERVAL_MS = 10 * 60_000;
/** Messages of a folder that the server refuses by themselves in one look: beyond, it is the folder that it refuses. */
export const REFUSED_MESSAGES_MAX = 10;
/** Messages that are named at once to an agent that reads texts: what is known of them is small, and asking for them a wait. */
export const BODIES_AHEAD = 1_000;
/** Bodies fetched at once. */
export const BODY_BATCH = 50;
/** Octets of bodies fetched at once, the last message beyond. */
export const BODY_BATCH_BYTES = 4 * MiB;
/** Read of each message: smaller ones whole, of larger ones the beginning, which has the text in all but strange cases. */
export const BODY_WHOLE_BYTES = 256 * KiB;
/** A literal of the server: the largest message that a user server shows. */
export const LITERAL_BYTES_MAX = 128 * MiB;
/** A message's size is a number of 32 bits (RFC 3501, section 9): who has more octets than that to tell of is lying. */
export const SIZE_MAX = 2 ** 32;
/** A line of the server: the UIDs of a million messages in one SEARCH response. */
export const LINE_BYTES_MAX = 16 * MiB;
/** Messages of one folder: as many as have their UIDs in such a line. */
export const UIDS_MAX = 2_000_000;
/** From the first packet to the greeting, TLS included. */
export const CONNECT_TIMEOUT_MS = 15_000;
/** A server that says nothing for so long is gone. Above the 29 minutes that IDLE may be silent are broken by IDLE_TIME_MS. */
export const SILENCE_MS = 3 * 60_000;
/** IDLE is asked for anew after this: a dead connection is noticed by then, and NAT forgets slower. */
export const IDLE_TIME_MS = 2 * 60_000;
/** All folders are looked at so often, whatever IDLE says of the inbox. */
export const ROUND_INTERVAL_MS = 60_000;
/** Looks in a row at which messages were lost that may turn up at the next: then what is pending has its turn all the same. */
export const UNSETTLED_LOOKS_MAX = 4;
/** First wait before a server that failed is tried again; it doubles. */
export const RECONNECT_FIRST_MS = 1_000;
/** Its ceiling. */
export const RECONNECT_CEILING_MS = 5 * 60_000;
/** A change that the server refuses so often is given up, and the server's state shown. */
export const STEP_TRIES_MAX = 3;
/** A change at which the connection ended so often in a row rests as long: a server that hangs up at it may do all others. */
export const STEP_LOST_MAX = 10;
/** A message, which is not given up, rests so long from then on, doubling: it is sent whole each time, however full the server. */
export const REFUSED_REST_MS = 60_000;
/** Its ceiling. */
export const REFUSED_REST_CEILING_MS = 60 * 60_000;
/** Changes of the same kind that one command does. */
export const STEP_UIDS_MAX = 500;
/** New emails of a look that are remembered to tell moved ones by: beyond, one that moved gets another id. */
export const NEWCOMERS_MAX = 10_000;
/** Emails that were put at the server last, and are known again where it shows them in another folder too: at the next look. */
export const PLACED_MAX = 1_000;
/** Messages that were put at the server and not heard of again, which are remembered: each is one lost connection. */
export const UNHEARD_MAX = 100;
/** A command that a server has not come to by then, its connection having ended, it never will. */
export const UNHEARD_MS = 60 * 60_000;
/** Folders of one account: beyond, a server is lying or needs another program. */
export const FOLDERS_MAX = 10_000;
/** Keywords of one message that are shown: no client sets more, a hostile server may. */
export const KEYWORDS_MAX = 100;
/** Pending changes that are looked at at a time for the next step: what cannot be done now does not hold up what is behind it. */
export const PENDING_WINDOW = 1_000;
/** A host or a user's name: what DNS and SASL allow. */
export const HOST_CHARACTERS_MAX = 255;
/** A token of OAuth 2 is a few thousand characters at the most. */
export const SECRET_CHARACTERS_MAX = 16_384;
/** A token service's answer, how long it is waited for, and how long before its end a token is not used any more. */
export const TOKEN_ANSWER_BYTES_MAX = 64 * KiB;
export const TOKEN_TIMEOUT_MS = 15_000;
export const TOKEN_EARLY_MS = 60_000;
/** IMAP accounts of one person: each is a thread and two connections. */
export const ACCOUNTS_MAX = 20;
/** A message is asked for in pieces of this size: what goes from thread to thread at once. */
export const RAW_PIECE_BYTES = 1 * MiB;
