/**
 * A program that speaks the hub's frames with a user server (docs/protocol/hub.md): JMAP requests and their answers, in the
 * order in which they are ready, and state changes pushed. A program that reads slowly is read from slowly, and of the
 * states that it missed it hears the last.
 */
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { fromUtf8, isAbort, type Log, Scope, utf8 } from '../../base/index.ts';
import { type Caller, type Jmap, type MailStore, RequestError, type StateChanges } from '../../jmap/index.ts';
import type { Json } from '../../protocol/index.ts';
import { encodeFrame, FrameReader } from '../framing.ts';
import { HubError } from '../hub-error.ts';
import { FRAME_BUFFER_BYTES_MAX, FRAME_BYTES_MAX, FRAME_REQUESTS_MAX } from './limits.ts';
import type { NamedBlob } from './ticket-asker.ts';

export interface FramesConnectionDeps {
  readonly jmap: Jmap;
  readonly store: MailStore;
  readonly log: Log;
  readonly stream: Duplex;
  /** A one-time ticket for a blob, and what is said of it. Throws HubError. */
  readonly ticket: (blob: NamedBlob, signal: AbortSignal) => Promise<Json>;
}

type RequestFrame = { readonly id: string | number } & ({ readonly request: unknown } | { readonly ticket: NamedBlob });

const namedBlob = z.strictObject({ accountId: z.string().max(255), blobId: z.string().max(255) });

export class FramesConnection implements AsyncDisposable {
  readonly #deps: FramesConnectionDeps;
  readonly #caller: Caller;
  readonly #reader = new FrameReader(FRAME_BYTES_MAX);
  readonly #scope: Scope;
  /** States that are still to be told, by account. */
  readonly #news = new Map<string, Record<string, string>>();
  readonly #listening: Disposable;
  #underWay = 0;
  #isOver = false;

  constructor(deps: FramesConnectionDeps, caller: Caller) {
    this.#deps = deps;
    this.#caller = caller;
    this.#scope = new Scope((task, error) => deps.log.error({ err: error, task }, 'a request of a program failed'));
    this.#listening = deps.store.on('changed', (changes) => this.#note(changes));
    const { stream } = deps;
    stream.on('data', (chunk: Uint8Array) => this.#take(chunk));
    stream.on('drain', () => this.#resume());
    stream.on('error', (error) => deps.log.debug({ err: error }, 'the connection of a program ended'));
    stream.once('close', () => void this[Symbol.asyncDispose]());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    this.#deps.stream.destroy();
    await this.#scope[Symbol.asyncDispose]();
  }

  #take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#serve(parseFrame(frame));
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      // Nothing after it can be read: said, and ended.
      this.#isOver = true;
      const { stream } = this.#deps;
      stream.end(frameOf({ error: { code: error.code, message: error.message } }), () => stream.destroy());
    }
  }

  #serve(frame: RequestFrame): void {
    const { id } = frame;
    this.#underWay += 1;
    if (this.#underWay >= FRAME_REQUESTS_MAX) this.#deps.stream.pause();
    this.#scope.spawn('request', async (signal) => {
      try {
        if ('ticket' in frame) this.#send({ id, ticket: await this.#deps.ticket(frame.ticket, signal) });
        else this.#send({ id, response: await this.#deps.jmap.request(frame.request, this.#caller, signal) });
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#send({ id, error: this.#problemOf(error) });
      } finally {
        this.#underWay -= 1;
        this.#resume();
      }
    });
  }

  #problemOf(error: unknown): { readonly code: string; readonly message: string } {
    if (error instanceof HubError) return { code: error.code, message: error.message };
    if (error instanceof RequestError) return { code: error.type, message: error.message };
    this.#deps.log.error({ err: error }, 'a request of a program failed');
    return { code: 'failed', message: 'the server failed to do this' };
  }

  #note({ accountId, changed }: StateChanges): void {
    this.#news.set(accountId, { ...this.#news.get(accountId), ...Object.fromEntries(changed) });
    this.#tell();
  }

  #tell(): void {
    if (this.#news.size === 0 || this.#isSlow) return;
    const changed = Object.fromEntries(this.#news);
    this.#news.clear();
    this.#send({ push: { '@type': 'StateChange', changed } });
  }

  get #isSlow(): boolean {
    return this.#deps.stream.writableLength > FRAME_BUFFER_BYTES_MAX;
  }

  #resume(): void {
    if (this.#isSlow) return;
    this.#tell();
    if (this.#underWay < FRAME_REQUESTS_MAX) this.#deps.stream.resume();
  }

  #send(message: object): void {
    const { stream } = this.#deps;
    if (!stream.writable) return;
    stream.write(frameOf(message));
    if (this.#isSlow) stream.pause();
  }
}

function frameOf(message: object): Uint8Array {
  return encodeFrame(utf8(JSON.stringify(message)));
}

/** Throws HubError `malformed`. */
function parseFrame(frame: Uint8Array): RequestFrame {
  let read: unknown;
  try {
    read = JSON.parse(fromUtf8(frame));
  } catch (cause) {
    throw new HubError('malformed', 'a frame is one JSON document', { cause });
  }
  const { id, request, ticket } = (typeof read === 'object' && read !== null ? read : {}) as Record<string, unknown>;
  if ((typeof id !== 'string' && typeof id !== 'number') || (request === undefined) === (ticket === undefined))
    throw new HubError('malformed', 'a frame has an id, and a request or the blob that a ticket is asked for');
  if (request !== undefined) return { id, request };
  const { data, success } = namedBlob.safeParse(ticket);
  if (!success) throw new HubError('malformed', 'a ticket is for {accountId, blobId}');
  return { id, ticket: data };
}
