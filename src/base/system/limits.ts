/** The bounds of the system's adapters, each with its reason. */

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
/** Signatures of one batch: 256 are some 13 ms of a thread's time, the longest that one of them waits for the others. */
export const SIGNATURE_BATCH_MAX = 256;
/** Bytes from which a batch takes no more: 256 signed headers of 700 bytes. A larger one travels alone. */
export const SIGNATURE_BATCH_BYTES = 192 * KiB;
/** Batches of one thread: one that it works on, and one so that it never waits for the next. */
export const SIGNATURE_BATCHES_IN_FLIGHT = 2;
/** Four verify 80 000 a second, more than one process can read and write. */
export const SIGNATURE_THREADS_MAX = 4;
/** So few are verified at once where they are asked for, if nothing else is: a thread's turn costs as much as one. */
export const SIGNATURES_INLINE_MAX = 2;
/** A connection with its handshake: three times the round trip of a satellite line for each of the addresses. */
export const HTTP_CONNECT_TIMEOUT_MS = 10_000;
/** Connections to one server: a transaction under way, and requests for what is missing beside it. */
export const HTTP_CONNECTIONS_MAX = 4;
/** Servers with open connections; each costs some ten KiB, and idle ones close by themselves. */
export const HTTP_SERVERS_MAX = 4_096;
/**
 * A buffer is large from here on: a piece of an attachment, or a body that is a file. A page of entries is not: it is half a
 * megabyte, some of it is kept, and a client that catches up would stop for its garbage every six thousand entries.
 */
export const PASSING_BYTES_MIN = 640 * KiB;
/** Bytes of large buffers after which garbage is collected: each has been copied two or three times on its way. */
export const COLLECT_AFTER_BYTES = 4 * 1024 * KiB;
/** Collecting a heap of this size takes some 30 ms; of a larger one too long for those who wait meanwhile. */
export const COLLECTED_HEAP_BYTES_MAX = 64 * 1024 * KiB;
/** One try at a DNS server: a name far away, asked for by a resolver that has nothing in its cache, takes one or two seconds. */
export const DNS_TRY_MS = 3_000;
/** A datagram that is lost is asked for once more. */
export const DNS_TRIES = 2;
