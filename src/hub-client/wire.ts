/** One connection to a hub: frames out, frames in, and its end. What it reads is judged here. */
import type { Socket } from 'node:net';
import { z } from 'zod';
import { fromUtf8, utf8 } from '../base/index.ts';
import type { Json } from '../protocol/index.ts';
import { encodeFrame, FrameReader } from './framing.ts';
import { HubError } from './hub-error.ts';
import { ANSWER_BYTES_MAX } from './limits.ts';

const errorSchema = z.object({ code: z.string(), message: z.string(), fix: z.string().optional() });
const schema = z.union([
  z.object({
    opened: z.object({
      session: z.string(),
      token: z.string(),
      user: z.string(),
      scopes: z.array(z.string()),
      jmap: z.json(),
    }),
  }),
  z.object({ id: z.int(), response: z.json() }),
  z.object({ id: z.int(), ticket: z.object({ ticket: z.string(), size: z.int() }) }),
  z.object({ id: z.int().optional(), error: errorSchema }),
  z.object({ push: z.json() }),
]);

export type Incoming = z.output<typeof schema>;
export type Opened = Extract<Incoming, { opened: unknown }>['opened'];

export class Wire implements Disposable {
  readonly #socket: Socket;
  readonly #ended = new AbortController();

  /** `hear` is called for each message, in order; `end` once. */
  constructor(socket: Socket, hear: (message: Incoming) => void, end: (error: HubError) => void) {
    this.#socket = socket;
    const reader = new FrameReader(ANSWER_BYTES_MAX);
    const finish = (error: HubError): void => {
      if (this.#ended.signal.aborted) return;
      this.#ended.abort();
      socket.destroy();
      end(error);
    };
    socket.on('data', (chunk: Uint8Array) => {
      try {
        for (const frame of reader.push(chunk)) hear(decode(frame));
      } catch (error) {
        finish(error instanceof HubError ? error : new HubError('malformed', 'not the hub’s words', { cause: error }));
      }
    });
    socket.on('error', () => undefined); // `close` follows, and says enough
    socket.once('close', () => finish(new HubError('cut', 'the connection to the hub ended', { retry: 'now' })));
  }

  send(message: { readonly [key: string]: Json }): void {
    this.#socket.write(encodeFrame(utf8(JSON.stringify(message))));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function decode(frame: Uint8Array): Incoming {
  return schema.parse(JSON.parse(fromUtf8(frame)));
}
