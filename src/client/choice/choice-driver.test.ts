import { describe, expect, test } from 'vitest';
import { ManualClock, SeededPrng, SILENT_LOG } from '../../base/index.ts';
import {
  addOwnNode,
  BUNDLED_FLEETS,
  DEFAULT_SETTINGS,
  type Directory,
  type DirectoryNode,
  mergeDirectory,
} from '../directory/index.ts';
import { type ChoiceConnection, type ChoiceNetwork, NodeChoice, type PingAnswer } from './choice-driver.ts';

class Wire implements ChoiceConnection {
  readonly node: string;
  readonly store = true;
  readonly heartbeatMs = 30_000;
  readonly closed: Promise<{ readonly refused: boolean }>;
  heardAt: number;
  answers = true;
  isOpen = true;
  #end: (how: { refused: boolean }) => void = () => {};

  constructor(node: string, heardAt: number) {
    this.node = node;
    this.heardAt = heardAt;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async ping(signal: AbortSignal): Promise<number> {
    if (!this.answers)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    return 10;
  }

  close(): void {
    this.isOpen = false;
    this.#end({ refused: false });
  }
}

/** Nodes answer after their time by the same clock; `late` ones hand a connection over although nobody waits any more. */
class Network implements ChoiceNetwork<Wire> {
  readonly clock: ManualClock;
  readonly rtts = new Map<string, number>();
  readonly wires: Wire[] = [];
  readonly late = new Set<string>();
  connectMs = 50;

  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  async ping(node: DirectoryNode, signal: AbortSignal): Promise<PingAnswer> {
    const rttMs = this.rtts.get(node.name);
    await this.clock.sleep(rttMs ?? 3_600_000, signal);
    return { rttMs: rttMs ?? 0, store: true };
  }

  async connect(node: DirectoryNode, signal: AbortSignal): Promise<Wire> {
    if (!this.rtts.has(node.name)) throw new Error('refused');
    await this.clock.sleep(this.connectMs, this.late.has(node.name) ? undefined : signal);
    const wire = new Wire(node.name, this.clock.monotonic());
    this.wires.push(wire);
    return wire;
  }
}

function directoryOf(...names: readonly string[]): Directory {
  const settings = names.reduce(
    (before, name) => addOwnNode(before, { name, address: `ws://${name}.example`, key: undefined }),
    DEFAULT_SETTINGS,
  );
  return mergeDirectory({ fleets: BUNDLED_FLEETS, home: [], settings });
}

function setup(...names: readonly string[]) {
  const clock = new ManualClock(1_800_000_000_000);
  const network = new Network(clock);
  const choice = new NodeChoice(
    { clock, prng: new SeededPrng(1), network, log: SILENT_LOG },
    { directory: directoryOf(...names), pinned: undefined },
  );
  const heard: string[] = [];
  for (const name of ['mailserver:changed', 'mailserverAvailable', 'refused'] as const)
    choice.events.on(name, (notice) => heard.push(`${name} ${notice.node}`));
  choice.events.on('state', (notice) => heard.push(`${notice.node} is ${notice.state}`));
  choice.events.on('offline', () => heard.push('offline'));
  return {
    clock,
    network,
    choice,
    heard,
    [Symbol.asyncDispose]: () => choice[Symbol.asyncDispose](),
  };
}

describe('the driver of node choice', () => {
  test('pings all, connects to the fastest and says so in the seed’s order', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('a', 200).set('b', 20);
    world.choice.start();
    await world.clock.advance(500);
    expect(world.heard).toEqual(['mailserver:changed b', 'b is connecting', 'b is connected', 'mailserverAvailable b']);
    expect(world.choice.connection).toBe(world.network.wires[0]);
  });

  test('is woken for the end of a ping round, not by the next look at the clock', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('b', 20);
    world.choice.start();
    await world.clock.advance(499);
    expect(world.heard).toEqual([]);
    await world.clock.advance(1);
    expect(world.choice.view).toMatchObject({ state: 'connecting', node: 'b' });
  });

  test('says offline, and finds a node when one comes back', async () => {
    await using world = setup('a');
    world.choice.start();
    await world.clock.advance(35_000);
    expect(world.heard).toEqual(['offline']);
    world.network.rtts.set('a', 30);
    await world.clock.advance(10_000);
    expect(world.choice.connection?.node).toBe('a');
  });

  test('a connection that arrives when nobody waits for it any more is closed', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('a', 20).set('b', 400);
    world.network.connectMs = 6_000;
    world.network.late.add('a');
    world.choice.start();
    await world.clock.advance(20_000);
    const [first] = world.network.wires;
    expect(first).toMatchObject({ node: 'a', isOpen: false });
    expect(world.choice.connection).not.toBe(first);
  });

  test('a cut is followed by another node at once', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('a', 20).set('b', 400);
    world.choice.start();
    await world.clock.advance(1_000);
    world.network.wires[0]?.close();
    await world.clock.advance(1_000);
    expect(world.choice.connection?.node).toBe('b');
  });

  test('traffic keeps a connection, silence after a sleep ends it', async () => {
    await using world = setup('a');
    world.network.rtts.set('a', 20);
    world.choice.start();
    await world.clock.advance(1_000);
    const wire = world.network.wires[0] as Wire;
    wire.answers = false;
    for (let i = 0; i < 100; i++) {
      wire.heardAt = world.clock.monotonic();
      await world.clock.advance(1_000);
    }
    expect(world.choice.connection).toBe(wire);
    world.clock.jumpTo(world.clock.now() + 3_600_000);
    await world.clock.advance(2_100);
    expect(wire.isOpen).toBe(false);
  });

  test('a listener may call back', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('a', 20).set('b', 400);
    world.choice.events.on('mailserverAvailable', ({ node }) => {
      if (node === 'a') world.choice.pin('b');
    });
    world.choice.start();
    await world.clock.advance(1_000);
    expect(world.heard.slice(2)).toEqual([
      'a is connected',
      'mailserverAvailable a',
      'a is disconnected',
      'mailserver:changed b',
      'b is connecting',
      'b is connected',
      'mailserverAvailable b',
    ]);
    expect(world.network.wires[0]?.isOpen).toBe(false);
  });

  test('failed requests count for the connection they were made on', async () => {
    await using world = setup('a', 'b');
    world.network.rtts.set('a', 20).set('b', 400);
    world.choice.start();
    await world.clock.advance(1_000);
    const wire = world.network.wires[0] as Wire;
    world.choice.requestFailed(wire);
    world.choice.requestFailed(wire);
    await world.clock.advance(1_000);
    expect(world.choice.connection?.node).toBe('b');
    world.choice.requestFailed(wire);
    world.choice.requestFailed(wire);
    await world.clock.advance(1_000);
    expect(world.choice.connection?.node).toBe('b');
  });

  test('a node outside the directory is refused with a code, and a changed directory is followed', async () => {
    await using world = setup('a');
    world.network.rtts.set('a', 20).set('c', 20);
    world.choice.start();
    await world.clock.advance(1_000);
    expect(() => world.choice.pin('c')).toThrowError(expect.objectContaining({ code: 'unknown_node' }));
    world.choice.setDirectory(directoryOf('c'));
    await world.clock.advance(1_000);
    expect(world.choice.connection?.node).toBe('c');
  });

  test('closing ends the connection and everything under way, also twice', async () => {
    const world = setup('a');
    world.network.rtts.set('a', 20);
    world.choice.start();
    await world.clock.advance(1_000);
    await world.choice[Symbol.asyncDispose]();
    await world.choice[Symbol.asyncDispose]();
    expect(world.network.wires[0]?.isOpen).toBe(false);
    expect(world.clock.sleeperCount).toBe(0);
    world.choice.retryNow();
    expect(world.choice.connection).toBeUndefined();
  });
});
