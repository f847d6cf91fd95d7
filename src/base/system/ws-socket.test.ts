import { describe, expect, test } from 'vitest';
import { openWsPair } from '../../../test/harness/ws-pair.ts';
import { drain, frameSocketContract, take } from '../frame-socket.contract.ts';
import { INCOMING_FRAMES_MAX, SEND_HIGH_WATER_BYTES } from './limits.ts';

frameSocketContract('a WebSocket', () => openWsPair());

describe('a WebSocket as a FrameSocket', () => {
  test('a text message ends the connection with 1003 and is not delivered', async () => {
    await using pair = await openWsPair();
    pair.rawA.send('text');
    expect(await drain(pair.b)).toEqual([]);
    expect(await pair.a.closed).toEqual({ code: 1003, reason: 'binary frames only' });
  });

  test('a frame beyond the limit ends the connection with 1009 before it is read', async () => {
    await using pair = await openWsPair(1_000);
    const received = drain(pair.b);
    await pair.a.send(new Uint8Array(1_000));
    await pair.a.send(new Uint8Array(1_001));
    expect((await received).map((frame) => frame.length)).toEqual([1_000]);
    expect((await pair.a.closed).code).toBe(1009);
    expect((await pair.b.closed).reason).toBe('Max payload size exceeded');
  });

  test('the socket is not read while too many frames wait, and is read again when they are taken', async () => {
    await using pair = await openWsPair();
    for (let index = 0; index < INCOMING_FRAMES_MAX; index++) await pair.a.send(Uint8Array.of(1));
    while (!pair.rawB.isPaused) await new Promise((resolve) => setImmediate(resolve));
    const reading = take(pair.b, INCOMING_FRAMES_MAX + 1);
    await pair.a.send(Uint8Array.of(2));
    expect((await reading).at(-1)).toEqual(Uint8Array.of(2));
    expect(pair.rawB.isPaused).toBe(false);
  });

  test('a side that closes while it does not read still hears the goodbye', async () => {
    await using pair = await openWsPair();
    for (let index = 0; index < INCOMING_FRAMES_MAX; index++) await pair.a.send(Uint8Array.of(1));
    while (!pair.rawB.isPaused) await new Promise((resolve) => setImmediate(resolve));
    pair.b.close(4000, 'slow');
    expect(await pair.a.closed).toEqual({ code: 4000, reason: 'slow' });
    expect(await pair.b.closed).toEqual({ code: 4000, reason: 'slow' });
  });

  test('bufferedBytes counts what a reader that rests leaves unsent', async () => {
    await using pair = await openWsPair();
    const frame = new Uint8Array(1024 * 1024);
    // 64 MiB is more than the kernel and the reader's queue take.
    const sends = Array.from({ length: 64 }, () => pair.a.send(frame).catch(() => undefined));
    expect(pair.a.bufferedBytes).toBeGreaterThan(SEND_HIGH_WATER_BYTES);
    pair.a.terminate();
    await Promise.all(sends);
  });

  test('a reason too long for a control frame is cut between characters', async () => {
    await using pair = await openWsPair();
    pair.a.close(4000, 'é'.repeat(100));
    expect(await pair.b.closed).toEqual({ code: 4000, reason: 'é'.repeat(61) });
  });
});
