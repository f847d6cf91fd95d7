/** The bounds of the bus, each with its reason. */
import { BUS_MESSAGE_BYTES_MAX } from '../component/limits.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** The header line of a frame within a host: an operation, a name, a number. */
export const IPC_HEADER_BYTES_MAX = 4 * KiB;
export const IPC_FRAME_BYTES_MAX: number = BUS_MESSAGE_BYTES_MAX + IPC_HEADER_BYTES_MAX;
/** What may wait for a component that does not read; beyond that its connection is cut, and it ends. */
export const IPC_BACKLOG_BYTES_MAX: number = 16 * MiB;
/** Names and topics that one connection may hold: a user server and its agents need fewer than ten. */
export const IPC_NAMES_MAX = 64;
/** How long a connection to this host's bus or to the broker may take. */
export const CONNECT_TIMEOUT_MS = 10_000;
/**
 * How often the broker and we say that we live. After two silent intervals the broker gives a paused host's names to others,
 * and the host knows that they are lost.
 */
export const HEARTBEAT_SECONDS = 2;
