/** Peers that mean harm: each is dropped with a named reason, memory stays flat, and the honest peer's copy comes whole. */
import { describe, expect, test } from 'vitest';
import { createMemorySocketPair, ManualClock, utf8 } from '../../src/base/index.ts';
import { type DropReason, type FeedLog, leafNode } from '../../src/feed/index.ts';
import { PEERS_MAX } from '../../src/feed/synchronizer/limits.ts';
import type { DataMessage, WireMessage } from '../../src/feed/wire/index.ts';
import { FeedSite, feedKeys, siteSuite } from '../harness/feed-site.ts';
import { ScriptedPeer } from '../harness/scripted-peer.ts';

const KEYS = feedKeys(1);
const BLOCKS = 2_000;
const MEMORY_GROWTH_BYTES_MAX = 48 * 1024 * 1024;

/** Somebody copies a feed; the honest writer is there, but not connected yet. */
async function setup() {
  const clock = new ManualClock(0);
  const writer = new FeedSite(clock, { seed: 1 });
  const log = await writer.write(KEYS);
  await writer.append(
    log,
    Array.from({ length: BLOCKS }, (_, i) => utf8(`block ${i}`)),
  );
  const victim = new FeedSite(clock, { seed: 2 });
  const copy = await victim.follow(KEYS);
  const hostile: ScriptedPeer[] = [];
  return {
    clock,
    writer,
    log,
    victim,
    copy,
    async attack(greets = true): Promise<ScriptedPeer> {
      const peer = ScriptedPeer.connect(victim.sync);
      hostile.push(peer);
      await peer.open(KEYS, greets);
      await clock.advance(0);
      return peer;
    },
    connectHonest(): void {
      const [near, far] = createMemorySocketPair();
      writer.sync.addPeer(far, { isInitiator: false });
      victim.sync.addPeer(near, { isInitiator: true });
    },
    async [Symbol.asyncDispose]() {
      for (const peer of hostile) await peer.end();
      await victim[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
    },
  };
}

type World = Awaited<ReturnType<typeof setup>>;

/** Time passes until the peer was dropped. */
async function reasonOf({ clock }: World, peer: ScriptedPeer, within = 60): Promise<DropReason | 'none'> {
  let reason: DropReason | undefined;
  void peer.handle.ended.then((why) => {
    reason = why;
  });
  for (let turns = 0; turns < 50 && reason === undefined; turns++) await clock.advance(0);
  for (let seconds = 0; seconds < within && reason === undefined; seconds++) await clock.advance(1_000);
  return reason ?? 'none';
}

async function copyIsWhole({ clock, victim, copy, connectHonest }: World): Promise<void> {
  connectHonest();
  for (let turns = 0; turns < 3_000 && !victim.sync.isComplete(copy.id); turns++)
    await clock.advance(turns % 20 === 19 ? 1_000 : 0);
  expect(copy.heldCount).toBe(BLOCKS);
  expect(await victim.problemsOf(copy)).toEqual([]);
}

const have = (start: number, length: number): WireMessage => ({
  type: 'have',
  start,
  length,
  bitfield: undefined,
  ack: false,
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

/** What the writer would say about a block. */
async function dataOf({ writer, log }: { writer: FeedSite; log: FeedLog }, index: number): Promise<DataMessage> {
  const { nodes, signature } = await log.proof(writer.store, index);
  return { type: 'data', index, value: await log.getBlock(writer.store, index), nodes, signature };
}

describe('a peer that sends what is wrong', () => {
  const lies: readonly [string, (data: DataMessage) => DataMessage, DropReason][] = [
    ['another block', (data) => ({ ...data, value: utf8('forged') }), 'bad_proof'],
    ['a wrong signature', (data) => ({ ...data, signature: new Uint8Array(64) }), 'bad_proof'],
    ['no signature', (data) => ({ ...data, signature: undefined }), 'bad_proof'],
    [
      'a wrong hash',
      (data) => ({ ...data, nodes: data.nodes.map((node) => ({ ...node, hash: new Uint8Array(32).fill(3) })) }),
      'bad_proof',
    ],
    [
      'a wrong size',
      (data) => ({ ...data, nodes: data.nodes.map((node) => ({ ...node, size: 2 ** 52 })) }),
      'bad_proof',
    ],
    ['another index', (data) => ({ ...data, index: data.index + 1 }), 'unrequested_data'],
    ['no block', (data) => ({ ...data, value: undefined }), 'unrequested_data'],
  ];
  test.each(lies)('%s, is dropped', async (_name, lie, reason) => {
    await using world = await setup();
    const peer = await world.attack();
    peer.onMessage = (message) => {
      if (message.type !== 'request') return;
      void dataOf(world, message.index).then((data) => {
        peer.say(lie(data));
        return peer.flush();
      });
    };
    peer.say(have(0, BLOCKS));
    await peer.flush();
    expect(await reasonOf(world, peer)).toBe(reason);
    expect(world.copy.length).toBe(0);
    await copyIsWhole(world);
  });

  test('blocks without what proves them, is asked again with everything, and then dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.onMessage = (message) => {
      if (message.type !== 'request') return;
      void dataOf(world, message.index).then((data) => {
        peer.say(message.index === 0 ? data : { ...data, nodes: [], signature: undefined });
        return peer.flush();
      });
    };
    peer.say(have(0, BLOCKS));
    await peer.flush();
    expect(['cannot_prove', 'bad_proof']).toContain(await reasonOf(world, peer));
    await copyIsWhole(world);
  });

  test('data that nobody asked for, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.say(await dataOf(world, 7));
    await peer.flush();
    expect(await reasonOf(world, peer)).toBe('unrequested_data');
  });
});

describe('a peer that sends too much', () => {
  test.each<[string, (i: number) => WireMessage]>([
    ['Have without end', (i) => have(3 * i, 1)],
    ['Have of all blocks there can be', (i) => have(i, 2 ** 51 - 1 - i)],
    ['Unhave without end', (i) => ({ type: 'unhave', start: i, length: 2 ** 50 })],
    ['Want without end', (i) => ({ type: 'want', start: 8_192 * i, length: 2 ** 50 })],
    ['Info without end', () => ({ type: 'info', uploading: true, downloading: undefined })],
    [
      'requests for what nobody has',
      (i) => ({ type: 'request', index: 2 ** 40 + i, bytes: undefined, hash: false, digest: 2 ** 40 }),
    ],
    ['Extension without end', () => ({ type: 'extension', extension: 0, payload: new Uint8Array(500) })],
  ])('%s, is dropped, and memory stays flat', async (_name, messageOf) => {
    await using world = await setup();
    const peer = await world.attack();
    const before = process.memoryUsage();
    let reason: DropReason | undefined;
    void peer.handle.ended.then((why) => {
      reason = why;
    });
    for (let i = 0; i < 100_000 && reason === undefined; i++) {
      peer.say(messageOf(i));
      if (i % 200 !== 199) continue;
      await peer.flush();
      await world.clock.advance(0);
    }
    const after = process.memoryUsage();
    expect(reason).toBe('chatter');
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(
      MEMORY_GROWTH_BYTES_MAX,
    );
    await copyIsWhole(world);
  });

  test('a bitmap about more than was asked, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    // A run of 2^40 bytes of ones in six bytes.
    peer.say({
      type: 'have',
      start: 0,
      length: 2 ** 20,
      bitfield: Uint8Array.of(131, 128, 128, 128, 128, 128, 2),
      ack: false,
    });
    await peer.flush();
    expect(await reasonOf(world, peer)).toBe('malformed');
  });

  test('a flood of feeds, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    for (let i = 1; i < 100; i++)
      peer.say({ type: 'feed', discoveryKey: new Uint8Array(32).fill(i), nonce: undefined }, i);
    await peer.flush();
    expect(await reasonOf(world, peer)).toBe('feed_flood');
    await copyIsWhole(world);
  });

  test('a second handshake, or our own, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.say({ type: 'handshake', id: undefined, live: true, userData: undefined, extensions: [], ack: false });
    await peer.flush();
    expect(await reasonOf(world, peer)).toBe('second_handshake');
    const mirror = await world.attack(false);
    const ours = mirror.heard.find((message) => message.type === 'handshake');
    if (ours !== undefined) mirror.say(ours);
    await mirror.flush();
    expect(await reasonOf(world, mirror)).toBe('self');
  });
});

describe('a peer that sends what is no message', () => {
  test.each<[string, readonly number[], DropReason]>([
    ['a frame of more than 8 MiB', varint(8 * 1024 * 1024 + 1), 'too_large'],
    ['a frame of 2^34 bytes', varint(2 ** 34), 'too_large'],
    ['a length that does not end', [128, 128, 128, 128, 128, 128], 'malformed'],
    ['a Want of 2^53', [12, 5, 8, 0, 16, ...varint(2 ** 53)], 'malformed'],
    ['a Have of 2^53 - 1', [12, 3, 8, 0, 16, ...varint(2 ** 53 - 1)], 'malformed'],
  ])('%s, is dropped at once', async (_name, plain, reason) => {
    await using world = await setup();
    const peer = await world.attack();
    await peer.sendRaw(plain);
    expect(await reasonOf(world, peer, 0)).toBe(reason);
    await copyIsWhole(world);
  });

  test('frames of 8 MiB that never come, by as many peers as there may be, take no memory, and are dropped', async () => {
    await using world = await setup();
    const before = process.memoryUsage();
    const peers: ScriptedPeer[] = [];
    for (let i = 0; i < PEERS_MAX - 1; i++) {
      const peer = await world.attack();
      await peer.sendRaw([...varint(8 * 1024 * 1024), 1, 2, 3]);
      peers.push(peer);
    }
    await world.clock.advance(0);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(
      MEMORY_GROWTH_BYTES_MAX,
    );
    for (const peer of peers) expect(await reasonOf(world, peer)).toBe('stalled_frame');
    await copyIsWhole(world);
  });
});

describe('a peer that takes our time', () => {
  test('by silence from the start, is dropped', async () => {
    await using world = await setup();
    const peer = ScriptedPeer.connect(world.victim.sync);
    expect(await reasonOf(world, peer)).toBe('no_handshake');
    await peer.end();
  });

  test('by silence later, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    expect(await reasonOf(world, peer)).toBe('silent');
  });

  test('by promising blocks and sending none, is dropped, while another peer sends them', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.say(have(0, BLOCKS));
    await peer.flush();
    await world.clock.advance(0);
    world.connectHonest();
    for (let seconds = 0; seconds < 12 && world.copy.heldCount < BLOCKS; seconds++) {
      peer.say({ type: 'info', uploading: true, downloading: undefined });
      await peer.flush();
      for (let turns = 0; turns < 60; turns++) await world.clock.advance(0);
      await world.clock.advance(1_000);
    }
    expect(world.copy.heldCount).toBe(BLOCKS);
  });

  test('by promising blocks and talking of other things, is dropped in the end', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.say(have(0, BLOCKS));
    let reason: DropReason | undefined;
    void peer.handle.ended.then((why) => {
      reason = why;
    });
    for (let seconds = 0; seconds < 40 && reason === undefined; seconds++) {
      peer.say({ type: 'info', uploading: true, downloading: undefined });
      await peer.flush();
      await world.clock.advance(1_000);
    }
    expect(reason).toBe('too_slow');
    await copyIsWhole(world);
  });

  test('by one byte a second, is dropped', async () => {
    await using world = await setup();
    const peer = await world.attack();
    peer.say({ type: 'extension', extension: 0, payload: new Uint8Array(5_000) });
    const bytes = peer.takeBytes();
    let reason: DropReason | undefined;
    void peer.handle.ended.then((why) => {
      reason = why;
    });
    let sent = 0;
    for (; sent < 60 && reason === undefined; sent++) {
      await peer.sendBytes(bytes.slice(sent, sent + 1));
      await world.clock.advance(1_000);
    }
    expect(reason).toBe('stalled_frame');
    expect(sent).toBeLessThan(30);
  });
});

describe('a fork', () => {
  test('freezes its feed, is shown, and the other feeds of the peers go on', async () => {
    await using world = await setup();
    const { clock, victim } = world;
    const other = feedKeys(5);
    await using cheat = new FeedSite(clock, { seed: 9 });
    const forged = await cheat.write(KEYS);
    await cheat.append(
      forged,
      Array.from({ length: BLOCKS + 1 }, (_, i) => utf8(`other ${i}`)),
    );
    const second = await cheat.write(other);
    await cheat.append(second, [utf8('one'), utf8('two')]);
    const secondCopy = await victim.follow(other);
    world.connectHonest();
    for (let turns = 0; turns < 200 && world.copy.heldCount < 300; turns++) await clock.advance(0);
    const [near, far] = createMemorySocketPair();
    cheat.sync.addPeer(far, { isInitiator: false });
    victim.sync.addPeer(near, { isInitiator: true });
    for (let turns = 0; turns < 2_000 && world.copy.fork === undefined; turns++)
      await clock.advance(turns % 50 === 49 ? 1_000 : 0);
    expect(world.copy.fork?.lengths).toContain(BLOCKS + 1);
    expect(victim.notices.some(({ kind }) => kind === 'forked')).toBe(true);
    expect(victim.sync.status().feeds.find(({ feed }) => feed === world.copy.id)?.isFrozen).toBe(true);
    for (let turns = 0; turns < 200 && secondCopy.heldCount < 2; turns++)
      await clock.advance(turns % 50 === 49 ? 1_000 : 0);
    expect(secondCopy.heldCount).toBe(2);
    const held = world.copy.heldCount;
    await world.writer.append(world.log, [utf8('more')]);
    for (let seconds = 0; seconds < 5; seconds++) await clock.advance(1_000);
    expect(world.copy.heldCount).toBe(held);
  });

  test('that its own writer is shown by a peer with more than it has, is told as a restore', async () => {
    const clock = new ManualClock(0);
    await using ahead = new FeedSite(clock, { seed: 1 });
    await using restored = new FeedSite(clock, { seed: 2 });
    const full = await ahead.write(KEYS);
    await ahead.append(
      full,
      [1, 2, 3, 4, 5].map((i) => utf8(`block ${i - 1}`)),
    );
    const old = await restored.write(KEYS);
    await restored.append(
      old,
      [1, 2].map((i) => utf8(`block ${i - 1}`)),
    );
    const [near, far] = createMemorySocketPair();
    ahead.sync.addPeer(far, { isInitiator: false });
    restored.sync.addPeer(near, { isInitiator: true });
    for (let turns = 0; turns < 100; turns++) await clock.advance(turns % 50 === 49 ? 1_000 : 0);
    expect(restored.notices.filter(({ kind }) => kind === 'beyond')).toEqual([
      { kind: 'beyond', feed: old.id, signedLength: 5 },
    ]);
    expect(leafNode(siteSuite, 0, utf8('block 0')).size).toBe(7);
  });
});
