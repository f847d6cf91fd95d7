/**
 * The octets of a blob on a connection of their own, for a one-time ticket of a session: they do not pass the user server,
 * and requests of the session do not wait behind them.
 */
import type { Socket } from 'node:net';
import { z } from 'zod';
import { type Clock, fromUtf8, utf8, withDeadline } from '../base/index.ts';
import { encodeFrame, FrameReader } from './framing.ts';
import { HubError, type HubErrorCode } from './hub-error.ts';
import { FIRST_ANSWER_BYTES_MAX, OPEN_TIMEOUT_MS } from './limits.ts';
import { dial, type HubTarget } from './target.ts';

export interface Download extends AsyncDisposable {
  readonly size: number;
  /** Once. Throws HubError `cut` when the connection ends before all of them are here. */
  readonly octets: AsyncIterable<Uint8Array>;
}

export interface Redeemed {
  readonly user: string;
  /** Of the session that the ticket was made for. */
  readonly token: string;
  readonly ticket: string;
}

const schema = z.union([
  z.object({ stream: z.object({ size: z.int().min(0) }) }),
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
]);

/** Throws HubError: `refused` for a ticket that opens nothing, what the hub refuses, `absent`, `late`, `cut`. */
export async function redeem(
  clock: Clock,
  target: HubTarget,
  { ticket, token, user }: Redeemed,
  signal: AbortSignal,
): Promise<Download> {
  const socket = await dial(clock, target, user, signal);
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', onAbort));
  try {
    const chunks: AsyncIterator<Uint8Array> = socket[Symbol.asyncIterator]();
    socket.write(encodeFrame(utf8(JSON.stringify({ open: { token }, ticket }))));
    const late = (): Error => new HubError('late', 'the hub did not answer in time', { retry: 'later' });
    const { rest, size } = await withDeadline(clock, OPEN_TIMEOUT_MS, signal, late, (inTime) =>
      readHead(socket, chunks, inTime),
    );
    return {
      size,
      octets: octetsOf(chunks, rest, size, signal),
      [Symbol.asyncDispose]: async () => void socket.destroy(),
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function readHead(
  socket: Socket,
  chunks: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly rest: Uint8Array }> {
  const onAbort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const reader = new FrameReader(FIRST_ANSWER_BYTES_MAX);
    for (;;) {
      const frame = reader.next(await nextOf(chunks, signal));
      if (frame === undefined) continue;
      const answer = schema.parse(JSON.parse(fromUtf8(frame)));
      if ('stream' in answer) return { size: answer.stream.size, rest: reader.rest() };
      throw new HubError(answer.error.code as HubErrorCode, answer.error.message);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function* octetsOf(
  chunks: AsyncIterator<Uint8Array>,
  rest: Uint8Array,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let left = size - rest.length;
  if (rest.length > 0) yield rest;
  while (left > 0) {
    const chunk = await nextOf(chunks, signal);
    left -= chunk.length;
    yield chunk;
  }
  if (left < 0) throw new HubError('malformed', 'more octets came than were announced');
}

/** Throws HubError `cut`, or the signal's reason. */
async function nextOf(chunks: AsyncIterator<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const ended = (cause?: unknown): HubError =>
    new HubError('cut', 'the connection ended early', { cause, retry: 'now' });
  let next: IteratorResult<Uint8Array>;
  try {
    next = await chunks.next();
  } catch (cause) {
    throw signal.aborted ? signal.reason : ended(cause);
  }
  if (next.done === true) throw ended();
  return next.value;
}
