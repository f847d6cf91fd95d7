/** The bounds of the client, each with its reason. Those of choice, directory, ledger and connection are in their folders. */

const KiB = 1024;

/** Alarms kept: more come only from a home that is an adversary throughout, and then the first thousand say it. */
export const ALARMS_MAX = 1_000;
/** Delivery reports kept, the newest: five times what one node tells, for each of a few nodes. Half a kilobyte each. */
export const DELIVERIES_KEPT_MAX = 1_000;
/** Characters of another home's code or sentence that are kept, as the own home does. */
export const DELIVERY_TEXT_MAX = 200;
/** Characters of what a mail server answered. */
export const DELIVERY_REPLY_MAX = 512;
/** Documents of one account's chain that are read: a device or certificate a day for years. */
export const CHAIN_VERSIONS_MAX = 1_000;
/** A chain looked up this recently is not asked for again before encrypting to it. */
export const CONTACT_FRESH_MS = 5 * 60_000;
/** Contacts kept parsed in memory: some 20 KiB each. */
export const CONTACTS_CACHED_MAX = 500;
/** Other homes kept parsed in memory: one document each, as a rule. */
export const HOMES_CACHED_MAX = 500;
/** A home found silent is not asked again for each page of entries: catching up goes on meanwhile. */
export const HOME_SILENT_MS = 30_000;
/** An author or device that the home could not vouch for is not asked for again for each page of its mail: as long as a silent home. */
export const ASKED_IN_VAIN_MS = HOME_SILENT_MS;
/** Authors' devices of which that is remembered: some hundred bytes each. */
export const SIGNERS_REMEMBERED_MAX = 1_000;
/** Connections over which one account is asked for before one says so: each ended while it was asked. */
export const LOOK_UP_CONNECTIONS_MAX = 3;
/** Looks at an account whose home logged a newer version than it showed: it may have grown between the two questions. */
export const CHAIN_LOOKS_MAX = 3;
/** The own home's log is compared with the own chain at each connect and sync, and this often while connected. */
export const OWN_KEYS_INTERVAL_MS = 5 * 60_000;
/** Tries to extend a chain while other devices extend it too. */
export const CHAIN_RACES_MAX = 5;
/** Pages of entries received and not stored yet; then the connection reads no further. Half a megabyte each at most. */
export const PAGES_QUEUED = 16;
/** Pages beyond which a node that ignores back-pressure is cut. */
export const PAGES_QUEUED_MAX = 128;
/** A body that the node did not have when its entry came is asked for again so soon; the wait doubles. It is copied within a second, as a rule. */
export const BODY_AGAIN_FIRST_MS = 2_000;
/** Its ceiling: some bodies come when a node is back, or never. */
export const BODY_AGAIN_MAX_MS = 60_000;
/** Bodies fetched at once: 2 MiB each at most. */
export const FETCHES_IN_FLIGHT = 4;
/** Messages opened and indexed in one transaction. */
export const INDEX_BATCH = 64;
/** Bytes of bodies in such a batch. */
export const INDEX_BATCH_BYTES = 4 * KiB * KiB;
/** Rows read at once by scans. */
export const SCAN_ROWS = 256;
/** Characters of a text that a person's devices tell one another: a note holds a thousand of some hundred. */
export const REGISTER_TEXT_MAX = 4_000;
/** Operations in one note: 1 000 of 200 bytes stay far below a body's limit. */
export const NOTE_OPERATIONS_MAX = 1_000;
/** Notes after which this device writes a snapshot that supersedes them. */
export const NOTES_BEFORE_SNAPSHOT = 256;
/** And no fewer than so many snapshots have parts: a few devices may write one at once, and that is no reason for another. */
export const SNAPSHOTS_BEFORE_SNAPSHOT = 4;
/** First wait of an outbox item after a failure; it doubles. */
export const RETRY_FIRST_MS = 2_000;
/** Its ceiling: a person who comes back to the laptop does not wait for an hour. */
export const RETRY_CEILING_MS = 5 * 60_000;
/** Outbox items read at once. */
export const OUTBOX_PAGE = 256;
/** Heads are compared with the other nodes this often (design, client). */
export const COMPARE_INTERVAL_MS = 5 * 60_000;
/** And so soon after mail has come, with which they are behind by what they have said: a look at a number on this device otherwise. */
export const GREW_AGAIN_MS = 10_000;
/** One that did not answer is asked again after this: a node that was restarted counts again while somebody looks. */
export const AWAY_AGAIN_MS = 15_000;
/** Conversations up to this size are asked for whole before one writes to them: five pages; longer ones from their ends. */
export const CONVERSATION_READ_WHOLE_MAX = 1_000;
/** Authors looked up while one conversation is read: more than a conversation of people has. */
export const CONVERSATION_AUTHORS_ASKED_MAX = 1_000;
/** Entries of one gap asked for at once. */
export const GAP_ENTRIES_MAX = 4_096;
/** A message in the clear: what fits a body of 2 MiB with signature and encryption around it. */
export const MIME_BYTES_MAX = 2 * KiB * KiB - 16 * KiB;
/**
 * What attachments and text may have together within a message: base64 makes 78 bytes of 57, quoted-printable up to three of
 * one, and headers and manifests take their part.
 */
export const ATTACHING_BYTES_MAX = MIME_BYTES_MAX / 1.5 - 64 * KiB;
/** Message-IDs in References: enough for any thread, within a header that others accept. */
export const REFERENCES_MAX = 50;
/** Pages verified and not on disk yet: so many share a commit while the next is verified. */
export const PAGES_COMMITTING = 4;
/** Pages whose signatures are being checked while the one before is taken: enough that nobody waits for the other. */
export const PAGES_READ_AHEAD = 4;
/** Intervals told to a node: what lies below the newest thousand is sent once more and recognised. */
export const LEDGER_RANGES_MAX = 1_000;
/** Ranges in one request to erase: what a node takes. */
export const ERASE_RANGES = 1_000;
/** `send` waits this long for receipts before it says that the mail is queued. */
export const RECEIPT_WAIT_MS = 15_000;
/** Changes are collected this long before a note carries them. */
export const NOTE_DELAY_MS = 2_000;
/** Imported messages that may wait in the outbox: beyond, an import waits for the node. */
export const IMPORTS_QUEUED_MAX = 2_000;
/** Entries kept aside that are judged again on a connect: more come only from a home that is an adversary. */
export const UNVERIFIED_LOOKED_AT = 1_000;
/** A home has fewer feeds than this, the retired ones included. */
export const FEEDS_MAX = 10_000;
/** Ranges of superseded notes that one snapshot names: what one request to erase takes. The rest is named by the next. */
export const SUPERSEDED_RANGES_MAX = 1_000;
/** Entries tried again after a rotation: what comes between a rotation and a device's next connect. */
export const UNOPENED_MAX = 100_000;
/** Pieces of an attachment under way to a node: what a cut costs, and half a minute of a slow line. */
export const UPLOADS_IN_FLIGHT = 4;
/** Pieces under way from each node that has them. */
export const DOWNLOADS_IN_FLIGHT = 4;
/** Nodes that one attachment is fetched from at once: more rarely make a person's line faster. */
export const DOWNLOAD_NODES_MAX = 3;
/** An attachment of fewer chunks is not worth another connection. */
export const CHUNKS_OF_ONE_NODE = 4;
/** A piece without an answer for this long has failed: a megabyte over a line of 4 KiB a second. */
export const PIECE_REQUEST_MS = 5 * 60_000;
/** Pieces that are encrypted before a transaction keeps them. */
export const STAGED_AT_ONCE = 4;
/** Connections to begin again with while one attachment is fetched and nothing comes in between. */
export const DOWNLOAD_RECONNECTS_MAX = 5;
