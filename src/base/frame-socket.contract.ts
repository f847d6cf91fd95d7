/** What every FrameSocket promises, run by the memory pair and by real WebSockets. */
import { describe, expect, test } from 'vitest';
import { type FrameSocket, SocketError } from './frame-socket.ts';

export interface SocketPair extends AsyncDisposable {
  readonly a: FrameSocket;
  readonly b: FrameSocket;
}

/** Frames that may be under way to a reader that rests: the queue, the batch it took, and the kernel's buffers. */
const LAG_FRAMES_MAX = 9_000;

export function frameSocketContract(name: string, openPair: () => Promise<SocketPair>): void {
  describe(`${name} as a FrameSocket`, () => {
    test('frames of every size arrive whole and in order, both ways', async () => {
      await using pair = await openPair();
      const frames = [0, 1, 125, 126, 65_535, 65_536, 2_000_000, 3, 0, 7].map((size, index) =>
        new Uint8Array(size).fill(index + 1),
      );
      for (const [from, to] of [
        [pair.a, pair.b],
        [pair.b, pair.a],
      ] as const) {
        const reading = take(to, frames.length);
        for (const frame of frames) await from.send(frame);
        const received = await reading;
        expect(received.map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
        expect(received.every((frame, index) => frame.every((byte) => byte === index + 1))).toBe(true);
      }
    });

    test('frames sent without waiting keep their order', async () => {
      await using pair = await openPair();
      const reading = take(pair.b, 1_000);
      const sends = Array.from({ length: 1_000 }, (_, index) => pair.a.send(Uint8Array.of(index & 255, index >> 8)));
      await Promise.all(sends);
      const numbers = (await reading).map((frame) => (frame[0] as number) | ((frame[1] as number) << 8));
      expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    });

    test('a reader that stops and goes on later misses nothing', async () => {
      await using pair = await openPair();
      const sends = Array.from({ length: 20 }, (_, index) => pair.a.send(Uint8Array.of(index)));
      const first = await take(pair.b, 1);
      const second = await take(pair.b, 7);
      await Promise.all(sends);
      const third = await take(pair.b, 12);
      expect([...first, ...second, ...third].map((frame) => frame[0])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    });

    test('received frames are plain byte arrays, whose slice is a copy', async () => {
      await using pair = await openPair();
      const reading = take(pair.b, 1);
      await pair.a.send(Uint8Array.of(1, 2, 3));
      const [frame] = await reading;
      expect(frame?.constructor).toBe(Uint8Array);
    });

    test('a sender waits for a reader that is slower, and nothing is lost', { timeout: 30_000 }, async () => {
      await using pair = await openPair();
      const total = 12_000;
      const frame = new Uint8Array(8 * 1024);
      let sent = 0;
      const sending = (async () => {
        for (; sent < total; sent++) await pair.a.send(frame);
      })();
      let received = 0;
      let lagMax = 0;
      for await (const _ of pair.b.incoming) {
        received++;
        lagMax = Math.max(lagMax, sent - received);
        if (received === total) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await sending;
      expect(lagMax).toBeGreaterThan(0);
      expect(lagMax).toBeLessThan(LAG_FRAMES_MAX);
    });

    test('a close ends both sides with its code and reason, after what was sent before it', async () => {
      await using pair = await openPair();
      await pair.a.send(Uint8Array.of(1));
      await pair.a.send(Uint8Array.of(2));
      pair.a.close(4001, 'enough');
      expect((await drain(pair.b)).map((frame) => frame[0])).toEqual([1, 2]);
      expect(await drain(pair.a)).toEqual([]);
      expect(await pair.a.closed).toEqual({ code: 4001, reason: 'enough' });
      expect(await pair.b.closed).toEqual({ code: 4001, reason: 'enough' });
    });

    test('closing again, or terminating after a close, harms nobody', async () => {
      await using pair = await openPair();
      pair.a.close(1000, '');
      pair.a.close(1000, '');
      expect((await pair.b.closed).code).toBe(1000);
      pair.a.terminate();
      pair.b.terminate();
      pair.b.close(1000, '');
      await pair.a.closed;
    });

    test('a terminated connection ends at both sides without a goodbye', async () => {
      await using pair = await openPair();
      pair.a.terminate();
      expect(await drain(pair.a)).toEqual([]);
      expect(await drain(pair.b)).toEqual([]);
      expect((await pair.b.closed).code).toBe(1006);
      expect((await pair.a.closed).code).toBe(1006);
    });

    test('a send after the end is refused by code', async () => {
      await using pair = await openPair();
      pair.a.close(1000, '');
      await pair.b.closed;
      for (const socket of [pair.a, pair.b]) {
        const error = await socket.send(Uint8Array.of(1)).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(SocketError);
        expect((error as SocketError).code).toBe('closed');
      }
    });

    test('a send that waits for room is refused when the connection is cut', { timeout: 30_000 }, async () => {
      await using pair = await openPair();
      const frame = new Uint8Array(256 * 1024);
      const outcome = (async () => {
        for (;;) await pair.a.send(frame);
      })().catch((reason: unknown) => reason);
      // The other side reads one frame, rests, and cuts: the sender is somewhere in the middle.
      await take(pair.b, 1);
      pair.b.terminate();
      expect(((await outcome) as SocketError).code).toBe('closed');
    });
  });
}

/** The next `count` frames. */
export async function take(socket: FrameSocket, count: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  if (count === 0) return frames;
  for await (const frame of socket.incoming) {
    frames.push(frame);
    if (frames.length === count) break;
  }
  return frames;
}

/** Everything until the connection ends. */
export async function drain(socket: FrameSocket): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const frame of socket.incoming) frames.push(frame);
  return frames;
}
