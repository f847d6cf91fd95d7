/** Messages between two commands of one person on this device: a JSON object a line, bytes as base64. */
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fromBase64, toBase64 } from '../../base/index.ts';
import type { ErrorLine } from '../error-line.ts';
import { SHARED_CHUNK_BYTES_MAX } from '../limits.ts';
import type { Secret } from '../terminal/questions.ts';

/** What a command needs of the terminal it was typed in. */
export interface TerminalFacts {
  readonly columns: { readonly stdout?: number; readonly stderr?: number };
  readonly isTTY: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Only what says how to paint. */
  readonly environment: Readonly<Record<string, string>>;
  readonly hasPassword: boolean;
}

export type Question =
  | { readonly ask: 'secret'; readonly secret: Secret }
  | { readonly ask: 'newPassword' }
  | { readonly ask: 'confirm'; readonly question: string };

/** What the command that holds the profile says. */
export type FromHost =
  | { readonly type: 'hello'; readonly nonce: string }
  /** What was handed over begins: from here on its own process must not do it, too. */
  | { readonly type: 'begun' }
  | { readonly type: 'write'; readonly to: 'stdout' | 'stderr'; readonly bytes: string }
  | { readonly type: 'question'; readonly number: number; readonly question: Question }
  | { readonly type: 'wantInput' }
  /** The profile is let go: the command goes on in its own process. */
  | { readonly type: 'moved' }
  | { readonly type: 'ended'; readonly code: number };

/** What the command that hands itself over says. */
export type FromGuest =
  | {
      readonly type: 'run';
      readonly proof: string;
      readonly args: readonly string[];
      readonly workingFolder: string;
      readonly terminal: TerminalFacts;
    }
  | { readonly type: 'answer'; readonly number: number; readonly text?: string; readonly error?: ErrorLine }
  | { readonly type: 'input'; readonly bytes: string }
  | { readonly type: 'inputEnd' }
  | { readonly type: 'interrupt' };

export class Channel<Incoming extends object, Outgoing extends object> {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A peer that is gone is known by the end of what it says.
    socket.on('error', () => socket.destroy());
  }

  /** Resolves when the peer's system has taken it, or the peer is gone: then nobody is there to hear it. */
  send(message: Outgoing): Promise<void> {
    return new Promise((resolve) => this.#socket.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }

  /** Until the peer is gone. */
  async *messages(): AsyncGenerator<Incoming> {
    const lines = createInterface({ input: this.#socket });
    // One that is destroyed on this side comes to no end.
    this.#socket.once('close', () => lines.close());
    if (this.#socket.closed) lines.close();
    try {
      for await (const line of lines) yield JSON.parse(line) as Incoming;
    } catch (error) {
      // Who goes without having read everything resets the connection.
      if (error !== this.#socket.errored) throw error;
    }
  }

  /** Says what was sent, then ends. */
  end(): void {
    this.#socket.end();
  }
}

/** In pieces that keep a line short. */
export function* piecesOf(bytes: Uint8Array): Generator<string> {
  for (let at = 0; at < bytes.length; at += SHARED_CHUNK_BYTES_MAX)
    yield toBase64(bytes.subarray(at, at + SHARED_CHUNK_BYTES_MAX));
}

export { fromBase64 as bytesOfPiece };
