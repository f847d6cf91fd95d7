/** The bounds of the wire, each with its reason. All are checked before anything is allocated. */
const KiB = 1024;
const MiB = 1024 * KiB;

/** hypercore-protocol 6 destroys a peer that sends a longer frame. */
export const FRAME_BYTES_MAX = 8 * MiB;
/** A length or header varint: five bytes of seven bits reach past both limits. */
export const HEADER_VARINT_BYTES_MAX = 5;
/** hypercore-protocol 6 has this many feeds on one connection; a channel number is below it. */
export const CHANNELS_MAX = 256;
/** A number of a message: eight bytes of seven bits reach past 2^53, the last exact number. */
export const NUMBER_VARINT_BYTES_MAX = 8;
/** Extensions a peer may name: their numbers are positions in this list. */
export const EXTENSIONS_MAX = 64;
/** The name of one. */
export const EXTENSION_NAME_BYTES_MAX = 256;
/** A frame that is under way takes no more memory than has come of it, in steps from this. */
export const PARTIAL_FRAME_BYTES_MIN = 4 * KiB;
/** Room that a connection keeps for what it writes; a larger burst is given back after it has left. */
export const WRITE_ROOM_BYTES_MAX = 256 * KiB;
