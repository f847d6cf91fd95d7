import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SILENT_LOG, utf8 } from '../../../base/index.ts';
import { SystemClock } from '../../../base/system/index.ts';
import { encodeFrame, FrameReader } from '../../framing.ts';
import { busContract } from '../bus.contract.ts';
import { LocalBus } from '../local-bus.ts';
import { IpcBus } from './ipc-bus.ts';
import { IpcBusServer } from './ipc-server.ts';

const deps = { clock: new SystemClock(), log: SILENT_LOG };

async function openServer() {
  const folder = await mkdtemp(join(tmpdir(), 'bus-'));
  const path = join(folder, 'bus.sock');
  const server = await IpcBusServer.open(SILENT_LOG, path);
  return {
    path,
    bus: server.bus,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

busContract('LocalBus', async () => {
  const bus = new LocalBus(() => undefined);
  const dispose = () => bus[Symbol.asyncDispose]();
  // One process: who is cut takes the bus along, so the other is the same names on a new one.
  const next = new LocalBus(() => undefined);
  let isCut = false;
  const b = new Proxy(bus, {
    get: (_, key: keyof LocalBus) => {
      const target = isCut ? next : bus;
      return target[key].bind(target);
    },
  });
  return {
    a: bus,
    b,
    cutA: async () => {
      isCut = true;
      await dispose();
    },
    [Symbol.asyncDispose]: dispose,
  };
});

busContract('IpcBus, between two processes’ connections', async () => {
  const server = await openServer();
  const [a, b] = [await IpcBus.connect(deps, server.path), await IpcBus.connect(deps, server.path)];
  return {
    a,
    b,
    cutA: () => a[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => {
      for (const bus of [a, b]) await bus[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});

busContract('IpcBus, between a process and the server’s own', async () => {
  const server = await openServer();
  const a = await IpcBus.connect(deps, server.path);
  return {
    a,
    b: server.bus,
    cutA: () => a[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});

describe('the server of the bus', () => {
  test.each([
    ['no frame', utf8('GET / HTTP/1.1\r\n\r\n')],
    ['an empty frame', encodeFrame()],
    ['an unknown operation', encodeFrame(utf8('{"op":"shout","id":1,"name":"x"}\n'))],
    ['a frame without its header line', encodeFrame(new Uint8Array(5_000))],
    ['a name beyond all measure', encodeFrame(utf8(`{"op":"join","id":1,"name":"${'x'.repeat(300)}"}\n`))],
  ])('cuts who says %s, and serves the others', async (_, bytes) => {
    await using server = await openServer();
    const hostile = connect(server.path);
    hostile.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => hostile.once('close', () => resolve()));
    hostile.write(bytes);
    await closed;
    const bus = await IpcBus.connect(deps, server.path);
    expect(await bus.isPresent('anybody')).toBe(false);
    await bus[Symbol.asyncDispose]();
  });

  test('says so where nobody listens', async () => {
    const gone = join(tmpdir(), 'no-bus-here.sock');
    await expect(IpcBus.connect(deps, gone)).rejects.toMatchObject({ code: 'absent' });
  });
});

describe('a reader of frames', () => {
  test('gives the same frames however the bytes are cut', () => {
    const frames = [0, 1, 3, 1_000, 2, 0].map((size, index) => new Uint8Array(size).fill(index));
    const bytes = Uint8Array.from(frames.flatMap((frame) => [...encodeFrame(frame)]));
    for (const step of [1, 2, 3, 4, 5, 7, 1_001, bytes.length]) {
      const reader = new FrameReader(1_000);
      const read: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += step) read.push(...reader.push(bytes.slice(at, at + step)));
      expect(read.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]));
      expect(reader.pendingBytes).toBe(0);
    }
  });

  test('refuses a frame by its length, before it comes', () => {
    const reader = new FrameReader(10);
    expect(() => reader.push(Uint8Array.of(0, 0, 0, 11))).toThrow(expect.objectContaining({ code: 'too_large' }));
  });
});
