/** The bounds of feeds over TCP, each with its reason. */
const KiB = 1024;

/** Bytes that came and are not consumed yet; beyond, the socket is not read and the other end waits. */
export const RECEIVED_BYTES_MAX = 1024 * KiB;
/** From the dial to the connection: a satellite's round trips. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Connections of one listener at once; the synchronizer bounds its peers besides. */
export const CONNECTIONS_MAX = 256;
/** How long a closed connection may take to end before it is cut. */
export const CLOSE_TIMEOUT_MS = 2_000;
