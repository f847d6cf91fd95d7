/** The bounds of the control server, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;
const MINUTE_MS = 60_000;

/** A user server without a connection is stopped after this; the operator may set it. */
export const IDLE_TIMEOUT_MS: number = 5 * MINUTE_MS;
/** From the launch to `ready`: loading the lists of a hundred thousand mails on a busy disk. */
export const START_TIMEOUT_MS = 30_000;
/** The next process is started ahead so long after one was: the first answers are out by then. */
export const SPARE_DELAY_MS = 2_000;
/** From `stop` to the end of the process: what is pending is on disk already, so only a hanging one takes longer. */
export const STOP_TIMEOUT_MS = 10_000;
/** The first wait after a crash; each further one doubles it. */
export const RESTART_FIRST_MS = 100;
export const RESTART_MAX_MS = 30_000;
/** Crashes in a row that open the breaker. */
export const BREAKER_FAILURES = 6;
/** How long a user server rests whose breaker is open. */
export const BREAKER_REST_MS: number = 2 * MINUTE_MS;
/** Having run for so long, a user server's earlier crashes are forgotten. */
export const HEALTHY_AFTER_MS: number = MINUTE_MS;
/** Resident memory at which a user server is restarted; the operator may set it. Ten thousand mails take a fifth of it. */
export const MEMORY_BYTES_MAX: number = 512 * MiB;
/** Of that, V8's heap: the rest is SQLite's pages and buffers. */
export const HEAP_SHARE = 0.5;
/** An agent's call that takes longer is ended with the agent. */
export const AGENT_TIMEOUT_MS: number = 2 * MINUTE_MS;
/** How often idle times, time-outs and back-offs are looked at. */
export const TICK_MS = 100;
/** How often a user server is asked whether it lives, and its memory is read. */
export const CHECK_INTERVAL_MS = 2_000;
/** No answer for so long: it hangs or loops, and is ended. Beyond a long full-text query. */
export const CHECK_TIMEOUT_MS = 10_000;
/** A user server that runs hears of new mail from its own agents too: being told more often helps nobody. */
export const WAKE_INTERVAL_MS = 1_000;
/** User servers that start at once, for each core: a mass start stays responsive. */
export const STARTS_PER_CORE = 1;
/** A session that is opened while its user server crashes tries the one that follows; so often. */
export const OPEN_ATTEMPTS_MAX = 3;
/** Requests that wait for one user server to start. */
export const WAITERS_MAX = 512;

/** The first frame of a connection, or its request's head: nobody may hold a connection without having said who they are. */
export const OPEN_TIMEOUT_MS = 10_000;
/** The first frame: an address and a password or token. */
export const OPEN_FRAME_BYTES_MAX: number = 8 * KiB;
/** Connections that have not proven who they are; the oldest of them goes when another comes. */
export const STRANGERS_MAX = 2_048;
/** Sessions of one user that are open at once. */
export const SESSIONS_PER_USER_MAX = 256;
/** A session without a connection is kept open for so long: programs that ask over HTTP come again. */
export const SESSION_LINGER_MS: number = 60_000;
/** HTTP heads, as Node counts them. */
export const HEAD_BYTES_MAX: number = 16 * KiB;
export const HEAD_TIMEOUT_MS = 10_000;
/** A head of an answer from a user server. */
export const UPGRADE_TIMEOUT_MS = 15_000;
/** A user who changes hosts while a program comes in is looked for again, so often. */
export const ROUTE_ATTEMPTS_MAX = 5;
/** Connecting to the host that has the user. */
export const FORWARD_TIMEOUT_MS = 5_000;
/** The JMAP session object: some KiB for each mail account. */
export const SESSION_OBJECT_BYTES_MAX: number = MiB;
/** From a ticket's making to its showing: a round trip to the program and a new connection, on a slow line. */
export const TICKET_MS = 30_000;
/** Tickets of one user that wait: a program that opens a mail with all its attachments at once. */
export const TICKETS_PER_USER_MAX = 64;
/** What is handed to the process that relieves a control server: mostly VERIFIED_MAX credentials, 400 bytes each. */
export const RELIEF_BYTES_MAX: number = 64 * MiB;
/** A user server is told that the control server is relieved: one that does not answer in time is ended, and starts anew. */
export const RELIEVE_TIMEOUT_MS = 500;
/** How often it is looked whether a process that another one has started is there: only its parent is told of its end. */
export const ADOPTED_LOOK_MS = 200;
/** One line on the control socket of the operator. */
export const OPERATOR_BODY_BYTES_MAX: number = 64 * KiB;

/** A failed login costs one of these; one comes back every interval. For one person's address… */
export const USER_FAILURES_BURST = 10;
export const USER_FAILURE_INTERVAL_MS: number = MINUTE_MS;
/** …and for one host that they come from, behind which may be an office. */
export const REMOTE_FAILURES_BURST = 30;
export const REMOTE_FAILURE_INTERVAL_MS = 10_000;
/** Addresses and hosts whose failures are remembered; the ones seen last. */
export const THROTTLED_MAX = 20_000;
/** A refusal is answered no sooner: what was asked of whom takes different times, and tells nothing by that. */
export const REFUSAL_STEP_MS = 1_000;
/** A credential that has opened its slot is believed for so long without opening it again. */
export const VERIFIED_MS: number = 10 * MINUTE_MS;
/** A hub key is kept for so long after its user server has stopped: longer than any login takes. */
export const KEY_GRACE_MS = 60_000;
/** Such credentials that are remembered, as keyed hashes. */
export const VERIFIED_MAX = 20_000;
/** Asking a home about a password, Argon2id and the joining of a device included. */
export const JOIN_TIMEOUT_MS = 30_000;
/** The thread that asks homes about passwords is kept for so long: people log in one after another. */
export const HOME_CHECK_IDLE_MS: number = MINUTE_MS;
/** First logins and changed passwords that are asked of homes at once: each is a process that starts. */
export const JOINS_AT_ONCE = 2;
/** With a name of 37 characters behind it, a Unix socket's path has at most 107. */
export const SOCKET_FOLDER_CHARACTERS_MAX = 69;
/** Reminders of one user: push subscriptions, delayed sends, auto-replies. */
export const REMINDERS_PER_USER_MAX = 1_024;
/** A user server that could not be woken, for want of room or while a broker is away, is woken again after so long. */
export const WAKE_AGAIN_MS = 30_000;
/** An invitation or a recovery code, as people type them: some forty characters. */
export const CODE_CHARACTERS_MAX = 200;
