/** The bounds of everything that travels, each with its reason. docs/protocol/README.md#limits repeats them. */

const KiB = 1024;

/** The seed's limit for a message (2 MB); larger mail travels as blobs and a manifest (design, node). */
export const BODY_BYTES_MAX = 2048 * KiB;
/**
 * A piece of a large attachment in the clear. Four of them under way are what a cut costs, 4 MiB; a longer one would fit a
 * frame too, and hold twice the memory at each of a dozen places.
 */
export const CHUNK_BYTES = 1024 * KiB;
/** Of the text of a letter that is larger than a frame: as chunks are, for the same reason, and on a client's disk it is one. */
export const LETTER_PIECE_BYTES = CHUNK_BYTES;
/** What encrypting a chunk adds: the tag of AES-GCM. */
export const CHUNK_TAG_BYTES = 16;
/** Chunks of one attachment: their list is itself a blob, of 2 MiB at most. 64 GiB. */
export const ATTACHMENT_CHUNKS_MAX = 65_536;
/** Characters of a line of base64 in mail from outside (RFC 5322, 2.1.1: no line has more than 998); it comes in fours. */
export const PART_LINE_LENGTH_MAX = 996;
/** Of AES-256, with which the chunks of one attachment are encrypted. */
export const ATTACHMENT_KEY_BYTES = 32;
/** A manifest in JSON: a name and a type, each character of which may be an escape of six, and some hundred bytes. */
export const MANIFEST_BYTES_MAX = 16 * KiB;
/** Of the name of an attachment, and of its media type: file systems take 255 bytes. */
export const ATTACHMENT_NAME_CHARACTERS_MAX = 1_024;
/** Large attachments of one mail: each costs a hundred bytes of its header, and look-ups wherever it is taken. */
export const ATTACHED_MAX = 64;
/** Matrix's event limit: room for 500 recipients, far below what parsing could hurt. */
export const PDU_HEADER_BYTES_MAX = 64 * KiB;
/** Postfix's smtpd_recipient_limit is 1 000; half of it keeps a header under its own limit at 100 bytes a recipient. */
export const RECIPIENTS_MAX = 500;
/** Forward extremities that one PDU may name; Matrix allows 20. */
export const PREVIOUS_PDUS_MAX = 20;
/** RFC 5321: 64 octets of local part, 255 of domain. */
export const ADDRESS_CHARACTERS_MAX = 320;
/** A signed document: 16 devices, 8 certificates of 8 KiB each, and room. */
export const DOCUMENT_BYTES_MAX = 128 * KiB;
/** Signatures of one document: owner, home, and both again when keys change; each costs a verification. */
export const SIGNATURES_MAX = 8;
/** An account's wrapped keys: an OpenPGP key ring of many rotations. */
export const VAULT_RECORD_BYTES_MAX = 256 * KiB;
/** A frame: one body, one header and the protobuf around them. ws refuses more at the frame header, before reading. */
export const FRAME_BYTES_MAX = BODY_BYTES_MAX + PDU_HEADER_BYTES_MAX + 4 * KiB;
/** Messages, byte strings and texts in one frame or entry header: an object of up to 500 bytes each, 8 MiB at most. */
export const FRAME_PARTS_MAX = 16_384;
/** An entry header: a PDU header or a document, and 500 accounts. */
export const ENTRY_HEADER_BYTES_MAX = DOCUMENT_BYTES_MAX + RECIPIENTS_MAX * ADDRESS_CHARACTERS_MAX + 4 * KiB;
/** Arrays and objects within each other in canonical JSON: our documents need four. */
export const JSON_DEPTH_MAX = 32;
/** Up to here a body is sent without asking first, and pushed within its entry. */
export const INLINE_BODY_BYTES_MAX = 64 * KiB;
/** Entries in one frame: 256 of 1 KiB is a quarter of a megabyte. */
export const ENTRIES_PER_FRAME_MAX = 256;
/** Bytes of entries in one frame, unless one entry alone is larger. */
export const ENTRIES_FRAME_BYTES = 512 * KiB;
/** Submits of one connection that wait for their receipts. */
export const SUBMITS_IN_FLIGHT_MAX = 256;
/** Devices of one account. */
export const DEVICES_MAX = 64;
/** Items of one transaction between homes: Matrix's limit. */
export const TRANSACTION_ITEMS_MAX = 50;
/** EDUs of one transaction between homes: Matrix's limit. */
export const TRANSACTION_EDUS_MAX = 100;
/** Bytes of PDUs and bodies in one transaction, unless one item alone is larger: fifty of 20 KiB. */
export const TRANSACTION_BYTES = 1024 * KiB;
/** A request or answer between homes: one of the largest items, or a batch, and the protobuf around them. */
export const FEDERATION_BODY_BYTES_MAX = BODY_BYTES_MAX + PDU_HEADER_BYTES_MAX + 64 * KiB;
/** Messages, byte strings and texts in one of them: 100 hints of 20 tips, or pages of some thousand PDUs. */
export const FEDERATION_PARTS_MAX = 8_192;
/** A record of a key log: an address, a hash and a version. */
export const KEY_RECORD_BYTES_MAX = 512;
/** Records in one page of a key log: half a megabyte of the largest, 150 KiB as a rule. */
export const KEY_LOG_PAGE_RECORDS_MAX = 1_000;
/** Roots of other homes' key logs in one EDU: some 250 bytes each. */
export const KEY_ROOTS_MAX = 100;
/** Roots that contradict a key log, told with a page of it: one is enough to be found out. */
export const DISPUTED_ROOTS_MAX = 16;
