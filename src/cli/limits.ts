/** The bounds of the command line, each with its reason. */

const MiB = 1024 * 1024;

/** A bar is redrawn at most this often: fast enough to look alive, slow enough for a remote terminal. */
export const BAR_INTERVAL_MS = 100;
/** Without a terminal, progress is a line this often. */
export const PROGRESS_LINE_INTERVAL_MS = 5_000;
/** The rate shown is over about this long, so that an estimate follows a network that slows down. */
export const RATE_WINDOW_MS = 10_000;
/** Messages of an import under way: enough to keep both the encrypting threads and the node's append busy. */
export const IMPORT_IN_FLIGHT = 64;
/** Bytes of messages of an import under way: memory, when all of them are large. */
export const IMPORT_IN_FLIGHT_BYTES = 32 * MiB;
/** Beyond this a message of an mbox is not kept in memory: it is refused all the same, a body has 2 MiB at most. */
export const MESSAGE_BYTES_MAX = 8 * MiB;
/** Read at once from a mailbox file. */
export const READ_CHUNK_BYTES = MiB;
/** The beginning of a file from which its kind is judged. */
export const SNIFF_BYTES = 4_096;
/** Messages that `list` and `search` show unless told otherwise. */
export const LIST_LIMIT = 50;
/** The fewest digits of a message's id that name it. */
export const ID_PREFIX_MIN = 6;
/** A password, an invitation or a code on stdin: more is not one. */
export const SECRET_CHARACTERS_MAX = 4_096;
/** How long the keyring's program may take, a question of the system to the person included. */
export const KEYRING_TIMEOUT_MS = 60_000;
/** For resolving, connecting and the handshake with one node: beyond a slow line, below patience. */
export const DIAL_TIMEOUT_MS = 10_000;
/** Of a folder named after an address: file systems take 255 bytes, and a program may add to it. */
export const FOLDER_NAME_CHARACTERS_MAX = 180;
/** A longer line of an mbox is taken in pieces: it is neither a separator nor quoted. */
export const MBOX_LINE_BYTES_MAX = 64 * 1024;
/** Digits of an id that lists show: 48 bits, so that the first that begins with them is the one that is meant. */
export const ID_PREFIX_CERTAIN = 12;
/** How long `doctor` waits for mail that is coming: it is asked by somebody who waits for the answer. */
export const CATCH_UP_MS = 10_000;
/** A clock that differs from the home's by more is worth a word; nothing depends on it but the times that people read. */
export const CLOCK_DIFFERENCE_MAX_MS = 60_000;
/** Bytes in one message between two commands that share a profile: a line stays short, a bar stays lively. */
export const SHARED_CHUNK_BYTES_MAX = 64 * 1024;
/** What the shortest of our systems (macOS) takes for a socket's name: 104 with the byte that ends it. */
export const SOCKET_PATH_BYTES_MAX = 103;
/** Fresh for each command that asks to share a profile, so that a proof is good once. */
export const NONCE_BYTES = 32;
/** Between two looks whether a profile is free or its holder listens: both change within milliseconds. */
export const LOCKED_RETRY_MS = 50;
/** Looks before a command says `locked`: five seconds, longer than any command takes to end or to begin listening. */
export const LOCKED_TRIES_MAX = 100;
/** How often copying a feed looks at how far it is: quick enough for a bar, and nothing to a processor. */
export const FEED_PROGRESS_INTERVAL_MS = 100;
/** After so long without any peer, copying gives up: three dials with their waits. */
export const FEED_PEERS_WAIT_MS = 30_000;
/** The process that relieves a hub loads its code for so long, on a busy host; the old one serves meanwhile. */
export const RELIEF_LOAD_TIMEOUT_MS = 30_000;
/** …and listens after so long: nobody is served meanwhile. */
export const RELIEF_SERVE_TIMEOUT_MS = 10_000;
/** A hub that checks another server before it answers: longer than that check may take. */
export const HUB_TIMEOUT_MS = 45_000;
/** An answer of a hub to a command: the status of a person's accounts. */
export const HUB_ANSWER_BYTES_MAX = 1024 * 1024;
/** What stretching a password takes, and needs no more: the floor of Argon2id's parameters, or more. */
export const PASSWORD_MEMORY_BYTES = 64 * MiB;
/** How `feed serve` stands is looked at this often, and said when it is another than before. */
export const FEED_STATUS_INTERVAL_MS = 5_000;
/** A node that starts finds the others of its home within seconds; a door that is new waits so long for the one that signs its account. */
export const REGISTRAR_WAIT_MS = 30_000;
/** Between two tries. */
export const REGISTRAR_PAUSE_MS = 500;
/** The largest message that a home sends, unless its operator says otherwise: what most mail servers of the world take. */
export const LETTER_BYTES_DEFAULT = 25 * MiB;
/** The most that they may say: what a home takes from outside. Few servers of the world take more. */
export const LETTER_BYTES_LIMIT = 50 * MiB;
