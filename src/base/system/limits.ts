/** The bounds of the network adapters, each with its reason. */

const KiB = 1024;

/** Above this, `send` waits: room for the kernel's buffer and a second of a slow line, far below what a thousand readers hurt. */
export const SEND_HIGH_WATER_BYTES = 256 * KiB;
/** Senders go on when the buffer has fallen this far, so that a full buffer does not wake them for each frame. */
export const SEND_LOW_WATER_BYTES = 64 * KiB;
/** Frames received and not yet consumed: beyond, the socket is not read. One chunk of the kernel (64 KiB) may come on top. */
export const INCOMING_FRAMES_MAX = 256;
/** The same bound in bytes: a body or two. */
export const INCOMING_BYTES_MAX = 4096 * KiB;
/** How long a closed connection may take to say goodbye before it is cut. */
export const CLOSE_TIMEOUT_MS = 5_000;
/** Addresses of one name that a dial tries; a name with more is a mistake or an attack on our time. */
export const DIAL_ADDRESSES_MAX = 4;
/** An address that has not answered by then lets the next one try: beyond the round trip of a satellite line. */
export const DIAL_ADDRESS_TIMEOUT_MS = 1_500;
/** RFC 6455: a control frame carries 125 bytes, two of them the code. */
export const CLOSE_REASON_BYTES_MAX = 123;
/** Node's timers count in 31 bits; a longer one would ring at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
