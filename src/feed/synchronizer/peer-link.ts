/**
 * The connection to one peer: its wire stream, what waits to be sent, and the requests that wait for an answer. Bytes leave
 * in the order of writing, as few pieces as the transport takes; answers are read from the store only while there is room.
 */
import type { Clock } from '../../base/index.ts';
import type { FeedId } from '../../protocol/index.ts';
import type { RequestMessage, WireMessage, WireStream } from '../wire/index.ts';
import { GOODBYE_TIMEOUT_MS, OUTBOX_BYTES_MAX, WRITE_BYTES_MAX } from './limits.ts';
import type { DropReason, PeerId } from './sync-state.ts';
import type { Transport } from './transport.ts';

export interface Answer {
  readonly feed: FeedId;
  readonly channel: number;
  readonly request: RequestMessage;
}

/** RFC 6455 codes: a normal end, or a peer that was refused. */
const NORMAL = 1000;
const REFUSED = 1008;

export class PeerLink {
  readonly id: PeerId;
  readonly wire: WireStream;
  readonly transport: Transport;
  readonly #clock: Clock;
  answers: Answer[] = [];
  /** Of the blocks it was sent last. */
  meanBytes = 1024;
  /** Whether somebody is at work on the answers. */
  isAnswering = false;
  /** Since when the transport has not taken the last piece. */
  sendingSince: number | undefined;
  #sending: Promise<void> | undefined;
  #ended = false;
  #wakeWriters: (() => void)[] = [];

  constructor(deps: { readonly clock: Clock; readonly wire: WireStream; readonly transport: Transport }, id: PeerId) {
    this.id = id;
    this.wire = deps.wire;
    this.transport = deps.transport;
    this.#clock = deps.clock;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  write(channel: number, message: WireMessage): void {
    if (!this.#ended && this.wire.isOpen) this.wire.write(channel, message);
  }

  /** Hands what was written to the transport, when it has taken what was before. */
  flush(): void {
    if (this.#sending !== undefined || this.#ended || this.wire.pendingBytes === 0) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
      this.flush();
    });
  }

  /** Resolves when there is room for more, or nobody to send it to. */
  async whenRoom(): Promise<void> {
    while (!this.#ended && this.wire.pendingBytes >= OUTBOX_BYTES_MAX)
      await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
  }

  /** Sends what was written, then says goodbye. */
  async end(reason: DropReason): Promise<void> {
    if (this.#ended) return;
    const isFriendly = reason === 'done' || reason === 'shutdown' || reason === 'removed';
    if (isFriendly) {
      this.flush();
      await this.#sent();
    }
    this.#finish();
    if (reason === 'write_timeout' || reason === 'closed') this.transport.terminate();
    else this.transport.close(isFriendly ? NORMAL : REFUSED, reason);
  }

  /** Resolves when everything has been sent, or the other end takes too long to read it. */
  async #sent(): Promise<void> {
    const patience = new AbortController();
    const late = this.#clock.sleep(GOODBYE_TIMEOUT_MS, patience.signal).then(
      () => this.#finish(),
      () => undefined, // everything was sent first
    );
    while (this.#sending !== undefined && !this.#ended) await Promise.race([this.#sending, late]);
    patience.abort();
  }

  async #send(): Promise<void> {
    const bytes = this.wire.take();
    try {
      for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
        this.sendingSince = this.#clock.monotonic();
        await this.transport.send(bytes.subarray(at, at + WRITE_BYTES_MAX));
      }
    } catch {
      this.#finish(); // the transport has closed, which its reader tells
    }
    this.sendingSince = undefined;
    this.#wake();
  }

  #finish(): void {
    this.#ended = true;
    this.answers = [];
    this.#wake();
  }

  #wake(): void {
    const writers = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of writers) wake();
  }
}
