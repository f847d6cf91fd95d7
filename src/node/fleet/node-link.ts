/**
 * One authenticated connection between two nodes of a home. It carries two things, told apart by the first byte of each
 * frame: control messages (JSON), and the bytes of the synchronizer, to which it is a transport like any other.
 */
import {
  abortable,
  BoundedQueue,
  type Clock,
  concatBytes,
  type FrameSocket,
  type Log,
  SocketError,
  withDeadline,
} from '../../base/index.ts';
import { type ControlMessage, decodeControl, encodeControl } from './control-message.ts';
import { FleetError, type FleetErrorCode } from './fleet-error.ts';
import { ASK_TIMEOUT_MS, ASKS_MAX, CHUNK_BYTES_MAX, CHUNKS_QUEUED_MAX } from './limits.ts';

export interface NodeLinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Answers what the other node asks. What it throws is told as a failure. */
  readonly answer: (link: NodeLink, what: string, body: unknown) => Promise<unknown>;
  /** Anything else that it says. */
  readonly hear: (link: NodeLink, message: ControlMessage) => void;
}

export interface OtherNode {
  readonly name: string;
  readonly key: Uint8Array;
  readonly isDialed: boolean;
}

const FEEDS = 0;
const CONTROL = 1;

export class NodeLink {
  readonly other: OtherNode;
  /** For the synchronizer. */
  readonly transport: FrameSocket;
  readonly #deps: NodeLinkDeps;
  readonly #socket: FrameSocket;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #chunks = new BoundedQueue<Uint8Array>(CHUNKS_QUEUED_MAX);
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #ended = new AbortController();
  #nextAsk = 1;

  constructor(deps: NodeLinkDeps, socket: FrameSocket, frames: AsyncIterator<Uint8Array>, other: OtherNode) {
    this.#deps = deps;
    this.#socket = socket;
    this.#frames = frames;
    this.other = other;
    this.transport = new ChunkSocket(socket, this.#chunks);
  }

  get isOpen(): boolean {
    return !this.#ended.signal.aborted;
  }

  get closed(): FrameSocket['closed'] {
    return this.#socket.closed;
  }

  /** Reads until the connection ends. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const next = await this.#frames.next();
        if (next.done === true || !(await this.#take(next.value))) return;
      }
    } finally {
      this.#ended.abort(new FleetError('closed', `the link to node ${this.other.name} ended`, { retry: 'later' }));
      this.#chunks.close();
      this.#socket.terminate();
    }
  }

  /** Says something that needs no answer; what does not get through is said again over the next link. */
  tell(message: ControlMessage): void {
    this.#send(message).catch((error: unknown) =>
      this.#deps.log.debug({ error, node: this.other.name }, 'a node was not told something'),
    );
  }

  /** Throws FleetError: `closed`, `timeout`, or with the code of the other's refusal. */
  async ask(what: string, body: unknown, signal: AbortSignal = this.#ended.signal): Promise<unknown> {
    const { clock } = this.#deps;
    if (this.#waiting.size >= ASKS_MAX) throw new FleetError('timeout', 'too many requests wait', { retry: 'later' });
    const id = this.#nextAsk++;
    const answered = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve));
    const late = (): Error =>
      new FleetError('timeout', `node ${this.other.name} does not answer in time`, { retry: 'later' });
    try {
      const outcome = await withDeadline(
        clock,
        ASK_TIMEOUT_MS,
        AbortSignal.any([signal, this.#ended.signal]),
        late,
        async (attempt) => {
          await this.#send({ t: 'ask', id, what, body });
          return abortable(answered, attempt);
        },
      );
      if (outcome.error !== undefined) throw outcome.error;
      return outcome.body;
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(reason: string): void {
    this.#socket.close(1000, reason);
  }

  async #send(message: ControlMessage): Promise<void> {
    try {
      await this.#socket.send(concatBytes(Uint8Array.of(CONTROL), encodeControl(message)));
    } catch (cause) {
      if (!(cause instanceof SocketError)) throw cause;
      throw new FleetError('closed', `the link to node ${this.other.name} ended`, { retry: 'later', cause });
    }
  }

  /** False ends the connection. */
  async #take(frame: Uint8Array): Promise<boolean> {
    if (frame[0] === FEEDS) {
      while (!this.#chunks.push(frame.subarray(1))) {
        if (!this.isOpen) return false;
        await this.#chunks.whenRoom();
      }
      return true;
    }
    const message = frame[0] === CONTROL ? decodeControl(frame.subarray(1)) : undefined;
    if (message === undefined) {
      this.#deps.log.warn({ node: this.other.name }, 'a node of this home says what is not understood');
      return false;
    }
    if (message.t === 'ask') this.#answer(message.id, message.what, message.body);
    else if (message.t === 'answer') this.#waiting.get(message.id)?.({ body: message.body });
    else if (message.t === 'failed')
      this.#waiting.get(message.id)?.({ error: new FleetError(codeOf(message.code), message.message) });
    else this.#deps.hear(this, message);
    return true;
  }

  #answer(id: number, what: string, body: unknown): void {
    this.#deps.answer(this, what, body).then(
      (answer) => this.tell({ t: 'answer', id, body: answer }),
      (error: unknown) => {
        const isOurs = error instanceof FleetError;
        if (!isOurs) this.#deps.log.error({ error, what }, 'a request of another node failed');
        const message = isOurs ? error.message : 'the node failed; its log says why';
        this.tell({ t: 'failed', id, code: isOurs ? error.code : 'refused', message });
      },
    );
  }
}

interface Outcome {
  readonly body?: unknown;
  readonly error?: FleetError;
}

function codeOf(text: string): FleetErrorCode {
  const known: readonly FleetErrorCode[] = ['not_here', 'no_registrar', 'bad_token', 'not_a_node', 'wrong_node'];
  return known.find((code) => code === text) ?? 'refused';
}

/** The synchronizer's part of a link. */
class ChunkSocket implements FrameSocket {
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #socket: FrameSocket;

  constructor(socket: FrameSocket, incoming: AsyncIterable<Uint8Array>) {
    this.#socket = socket;
    this.incoming = incoming;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX)
      await this.#socket.send(concatBytes(Uint8Array.of(FEEDS), bytes.subarray(at, at + CHUNK_BYTES_MAX)));
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  get closed(): FrameSocket['closed'] {
    return this.#socket.closed;
  }
}
