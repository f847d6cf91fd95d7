import { describe, expect, test } from 'vitest';
import { Bench } from '../../../test/harness/choice-bench.ts';
import type { ChoiceEvent } from './choice-state.ts';

describe('the order of states and events', () => {
  test('is the seed’s, from nothing and from node to node', () => {
    const bench = new Bench(2).until(0).answer({ n0: 10, n1: 20 }).connected();
    const arriving = [
      'mailserver:changed n0',
      'n0 is connecting',
      'connect n0',
      'n0 is connected',
      'mailserverAvailable n0',
    ];
    expect(bench.read()).toEqual(['ping n0 n1', ...arriving]);
    bench.take({ type: 'choose', node: 'n1' });
    expect(bench.read()).toEqual([
      'disconnect n0',
      'n0 is disconnected',
      'mailserver:changed n1',
      'n1 is connecting',
      'connect n1',
    ]);
  });

  test('to the node one is connected to: only that it is available', () => {
    const bench = Bench.onN0(2);
    expect(bench.take({ type: 'choose', node: 'n0' }).read()).toEqual(['mailserverAvailable n0']);
    expect(bench.take({ type: 'pin', node: 'n0' }).read()).toEqual(['mailserverAvailable n0']);
  });

  test('an answer to an old round or attempt changes nothing', () => {
    const bench = Bench.onN0(2);
    const { state } = bench;
    for (const event of [
      { type: 'pong', round: 1, node: 'n1', rttMs: 1, store: true },
      { type: 'connected', attempt: 1, heartbeatMs: 1, store: true },
      { type: 'connectFailed', attempt: 99 },
      { type: 'closed', attempt: 99, refused: true },
      { type: 'heard', attempt: 99, rttMs: 1 },
      { type: 'requestFailed', attempt: 99 },
    ] satisfies ChoiceEvent[])
      expect(bench.take(event).state).toEqual({ ...state, seen: bench.state.seen });
  });
});

describe('the loop', () => {
  test('connected, only asks every ten seconds whether that is still so', () => {
    const bench = Bench.onN0(3);
    for (const at of [10_000, 20_000, 30_000]) {
      expect(bench.until(at).read()).toEqual(['probe n0']);
      bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 });
    }
  });

  test('without an answer says offline once, and pings again every ten seconds until somebody is there', () => {
    const bench = new Bench(2).until(0);
    expect(bench.view.offlineSince).toBeUndefined();
    expect(bench.answer({}).read()).toEqual(['ping n0 n1', 'offline since 0']);
    expect(bench.view.offlineSince).toBe(1_800_000_000_000);
    expect(bench.until(9_999).read()).toEqual([]);
    for (const at of [10_000, 20_000]) expect(bench.until(at).answer({}).read()).toEqual(['ping n0 n1']);
    expect(bench.until(30_000).answer({ n1: 499 }).connected().view).toMatchObject({ state: 'connected', node: 'n1' });
    expect(bench.view.offlineSince).toBeUndefined();
  });

  test('takes no node that answers late, and none that holds no mail', () => {
    const bench = new Bench(2).until(0);
    bench.take({ type: 'pong', round: 1, node: 'n0', rttMs: 500, store: true });
    bench.take({ type: 'pong', round: 1, node: 'n1', rttMs: 1, store: false });
    expect(bench.view.state).toBe('disconnected');
    expect(bench.view.nodes.map((node) => node.rttMs)).toEqual([500, 1]);
  });

  test('waits longer for the only node of a home, which may be far away; a second one makes it late', () => {
    const bench = new Bench(1).until(4_999);
    bench.take({ type: 'pong', round: 1, node: 'n0', rttMs: 4_999, store: true });
    expect(bench.connected().view).toMatchObject({ state: 'connected', node: 'n0' });
    const silent = new Bench(1).until(4_999);
    expect(silent.view.state).toBe('disconnected');
    expect(silent.read()).toEqual(['ping n0']);
    expect(silent.until(5_000).read()).toEqual(['offline since 0']);
  });

  test('takes a slow node when three loops have found no other, and leaves it for one that is not', () => {
    const slow = { n0: 1_900, n1: 700, n2: 2_500, n3: 800, n4: 4_999 };
    const bench = new Bench(6);
    for (const at of [0, 10_000, 20_000]) {
      expect(bench.until(at).answer(slow).read()[0]).toBe('ping n0 n1 n2 n3 n4 n5');
      expect(bench.view.state).toBe('disconnected');
    }
    bench.until(30_000).answer(slow);
    expect(bench.read()).toEqual(['ping n0 n1 n2 n3 n4 n5', 'ping n0 n1 n2 n3 n4 n5']);
    bench.random = 0.99;
    bench.answer(slow);
    expect(bench.view).toMatchObject({ state: 'connecting', node: 'n3' });
    bench.connected().until(40_000).read();
    for (let at = 40_500; at <= 43_000 && bench.view.node === 'n3'; at += 500) bench.answer({ n5: 20 }).until(at);
    expect(bench.view).toMatchObject({ state: 'connecting', node: 'n5' });
  });

  test('asks slow nodes no sooner after a cut', () => {
    const bench = Bench.onN0(2).until(60_000);
    bench.take({ type: 'closed', attempt: bench.attempt, refused: false }).answer({}).read();
    for (let at = 61_000; at <= 95_000; at += 1_000)
      expect(bench.until(at).answer({ n1: 800 }).read()).not.toHaveLength(2);
    bench.until(100_000).answer({ n1: 800 });
    expect(bench.answer({ n1: 800 }).view).toMatchObject({ state: 'connecting', node: 'n1' });
  });

  test('waits half a second for answers, not longer', () => {
    const bench = new Bench(2).until(0);
    bench.take({ type: 'pong', round: 1, node: 'n1', rttMs: 20, store: true });
    expect(bench.until(499).view.state).toBe('disconnected');
    expect(bench.until(500).view).toMatchObject({ state: 'connecting', node: 'n1' });
  });

  test('asks the resting ones too when everybody rests', () => {
    const bench = new Bench(1).until(0).answer({ n0: 10 });
    bench.take({ type: 'connectFailed', attempt: bench.attempt });
    bench.read();
    expect(bench.until(9_999).read()).toEqual([]);
    expect(bench.until(10_000).read()).toEqual(['ping n0']);
  });
});

describe('a node that is gone for good', () => {
  test('does not keep us from one that failed a moment ago: the loop asks that one when nobody else answers', () => {
    const bench = new Bench(2).until(0).answer({ n0: 10 });
    bench.take({ type: 'connectFailed', attempt: bench.attempt }).answer({ n1: 20 }).connected();
    bench.until(1_000).read();
    bench.take({ type: 'closed', attempt: bench.attempt, refused: false });
    // From here on n1 is no more, and n0 is back.
    for (let at = 1_000; at < 10_000; at += 500) bench.until(at).answer({});
    expect(bench.view.state).toBe('disconnected');
    bench.until(10_000).read();
    for (let at = 10_000; at <= 21_000 && bench.view.state === 'disconnected'; at += 250)
      bench.until(at).answer({ n0: 10 });
    expect(bench.view).toMatchObject({ state: 'connecting', node: 'n0' });
    expect(bench.view.nodes[0]?.restsMs).toBeGreaterThan(0);
  });
});

describe('after a cut', () => {
  test('a try comes at once, then every three seconds, then with the loop', () => {
    const bench = Bench.onN0(2).until(20_000);
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 });
    bench.until(21_000).read();
    bench.take({ type: 'closed', attempt: bench.attempt, refused: false }).answer({});
    expect(bench.read()).toEqual(['n0 is disconnected', 'ping n0 n1', 'offline since 20000']);
    const tries: number[] = [];
    for (let at = 21_001; at <= 60_000; at++) if (bench.until(at).answer({}).read().length > 0) tries.push(at);
    expect(tries).toEqual([24_000, 27_000, 30_000, 40_000, 50_000, 60_000]);
  });

  test('the node is not met again within ten seconds of the connect', () => {
    const bench = Bench.onN0(2).until(2_000);
    bench.take({ type: 'closed', attempt: bench.attempt, refused: false });
    expect(bench.read()).toEqual(['n0 is disconnected', 'ping n1']);
  });

  test('a node that refused rests three minutes', () => {
    const bench = Bench.onN0(2).until(12_000);
    bench.take({ type: 'closed', attempt: bench.attempt, refused: true });
    expect(bench.view.nodes[0]?.restsMs).toBe(180_000);
    expect(bench.view.nodes[0]?.score).toBe(0.5);
  });
});

describe('a node is left', () => {
  test('at the second failed request in a row, for one that answers', () => {
    const bench = Bench.onN0(2);
    bench.take({ type: 'requestFailed', attempt: bench.attempt });
    bench.take({ type: 'requestDone', attempt: bench.attempt });
    bench.take({ type: 'requestFailed', attempt: bench.attempt });
    expect(bench.read()).toEqual([]);
    bench.take({ type: 'requestFailed', attempt: bench.attempt }).answer({ n1: 30 });
    expect(bench.view).toMatchObject({ node: 'n1', state: 'connecting' });
    expect(bench.view.nodes[0]?.restsMs).toBe(180_000);
  });

  test('not for nobody: with no better one it is kept, and the loop asks again', () => {
    const bench = Bench.onN0(2);
    bench.take({ type: 'completeness', node: 'n0', held: 40, known: 100 }).answer({});
    expect(bench.view).toMatchObject({ node: 'n0', state: 'connected' });
    bench.read();
    expect(bench.until(10_000).answer({ n1: 30 }).read()).toContain('connect n1');
    expect(bench.view.nodes[0]).toMatchObject({ score: 0.2, restsMs: 180_000 });
  });

  test('and not for one that serves no more than it does', () => {
    const bench = Bench.onN0(2);
    bench.take({ type: 'completeness', node: 'n1', held: 40, known: 100 });
    bench.take({ type: 'completeness', node: 'n0', held: 40, known: 100 }).answer({ n1: 30 });
    expect(bench.view.node).toBe('n0');
  });

  test('when it is silent to two probes, within eleven seconds and a half', () => {
    const bench = Bench.onN0(2).until(11_000);
    expect(bench.read()).toEqual(['probe n0', 'probe n0', 'ping n1']);
    expect(bench.answer({ n1: 30 }).view.node).toBe('n1');
  });

  test('when it holds no mail after all', () => {
    const bench = new Bench(2).until(0).answer({ n0: 10, n1: 20 }).connected(false).answer({ n1: 20 });
    expect(bench.view.node).toBe('n1');
    expect(bench.view.nodes[0]?.restsMs).toBe(180_000);
  });

  test('when the attempt hangs for five seconds', () => {
    const bench = new Bench(2).until(0).answer({ n0: 10, n1: 20 }).until(5_000).answer({ n1: 20 });
    expect(bench.view.node).toBe('n1');
    expect(bench.read()).toContain('disconnect n0');
  });

  test('when it is no longer in the list, or has moved', () => {
    for (const nodes of [[], [{ name: 'n0', url: 'wss://elsewhere.example' }]]) {
      const bench = Bench.onN0(1);
      bench.take({ type: 'nodes', nodes });
      expect(bench.read().slice(0, 2)).toEqual(['disconnect n0', 'n0 is disconnected']);
    }
    const bench = Bench.onN0(1);
    bench.take({
      type: 'nodes',
      nodes: [
        { name: 'n0', url: 'wss://n0.example' },
        { name: 'n9', url: 'wss://n9.example' },
      ],
    });
    expect(bench.read()).toEqual([]);
  });
});

describe('the pinned node', () => {
  test('is tried alone and unasked, and another is borrowed after three loops without it', () => {
    const bench = new Bench(3, 'n1').until(0);
    const tries: number[] = [];
    for (let at = 0; at < 30_000; at++) {
      const wishing = bench.until(at).read().includes('connect n1');
      if (wishing) tries.push(at);
      if (wishing) bench.take({ type: 'connectFailed', attempt: bench.attempt });
      if (bench.state.link.at === 'searching') break;
    }
    expect(tries).toEqual([0, 10_000, 20_000]);
    expect(bench.answer({ n0: 10 }).connected().view).toMatchObject({ node: 'n0', pinned: 'n1', borrowed: true });
  });

  test('is gone back to when it answers again, however slowly', () => {
    const bench = new Bench(3, 'n1').missPinned().answer({ n0: 10 }).connected();
    bench.read();
    expect(bench.until(30_000).answer({}).read()).toEqual(['probe n0', 'ping n1']);
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 });
    bench.until(40_000).answer({ n1: 2_000 });
    expect(bench.read()).toContain('connect n1');
    expect(bench.connected().view).toMatchObject({ node: 'n1', borrowed: false });
  });

  test('that answered and then failed rests, so that what is borrowed is not dropped each loop', () => {
    const bench = new Bench(2, 'n1').missPinned().answer({ n0: 10 }).connected().until(30_000).answer({ n1: 10 });
    bench.take({ type: 'connectFailed', attempt: bench.attempt }).answer({ n0: 10 }).connected();
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 });
    bench.read();
    expect(bench.until(40_000).read()).toEqual(['probe n0']);
  });

  test('is gone back to, however slowly it answers, also from a node that lags while nobody else is better', () => {
    const bench = new Bench(2, 'n1').missPinned().answer({ n0: 10 }).connected();
    bench.take({ type: 'completeness', node: 'n0', held: 40, known: 100 });
    bench.answer({}).answer({ n1: 3_000 });
    expect(bench.connected().view).toMatchObject({ node: 'n1', borrowed: false });
  });

  test('may be slow without being left', () => {
    const bench = new Bench(2, 'n1').until(0).connected().until(10_600);
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 600 });
    bench.read();
    expect(bench.until(11_500).read()).toEqual([]);
    expect(bench.view.node).toBe('n1');
  });

  test('that is not in the list is not waited for', () => {
    const bench = new Bench(2, 'gone').until(0).answer({ n0: 10 }).connected();
    expect(bench.view).toMatchObject({ node: 'n0', pinned: 'gone', borrowed: true });
  });
});

describe('a person', () => {
  test('who pins, chooses or asks again ends all rests and is obeyed in the same step', () => {
    for (const wish of [
      { type: 'pin', node: 'n1' },
      { type: 'choose', node: 'n1' },
    ] satisfies ChoiceEvent[]) {
      const bench = new Bench(2).until(0).answer({ n1: 10 });
      bench.take({ type: 'connectFailed', attempt: bench.attempt }).answer({ n0: 10 });
      expect(bench.view.nodes[1]?.restsMs).toBe(180_000);
      bench.read();
      expect(bench.take(wish).read()).toEqual([
        'disconnect n0',
        'n0 is disconnected',
        'mailserver:changed n1',
        'n1 is connecting',
        'connect n1',
      ]);
      expect(bench.view.nodes[1]?.restsMs).toBe(0);
    }
    const bench = new Bench(1).until(0).answer({ n0: 10 });
    bench.take({ type: 'connectFailed', attempt: bench.attempt }).read();
    expect(bench.take({ type: 'retry' }).read()).toEqual(['ping n0']);
  });

  test('who asks again has the connection probed, or hears again that nobody answers', () => {
    expect(Bench.onN0(1).take({ type: 'retry' }).read()).toEqual(['probe n0']);
    const bench = new Bench(1).until(0).answer({});
    for (const _ of ['at first', 'asked', 'asked again']) {
      expect(bench.read()).toEqual(['ping n0', 'offline since 0']);
      bench.take({ type: 'retry' }).answer({});
    }
  });

  test('who unpins while the wish is away gets a node at once, and keeps the one there is', () => {
    const bench = new Bench(2, 'n1').until(0);
    bench.take({ type: 'connectFailed', attempt: bench.attempt }).read();
    expect(bench.take({ type: 'unpin' }).read()).toEqual(['ping n0 n1']);
    const there = Bench.onN0(2).take({ type: 'pin', node: 'n0' }).take({ type: 'unpin' });
    expect(there.view).toMatchObject({ state: 'connected', node: 'n0', pinned: undefined, borrowed: false });
  });

  test('who chooses another than the pinned node is not sent back while it lasts', () => {
    const bench = new Bench(2, 'n1').until(0).connected();
    bench.take({ type: 'choose', node: 'n0' }).connected().read();
    expect(bench.until(10_000).read()).toEqual(['probe n0']);
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 }).until(20_000);
    bench.take({ type: 'closed', attempt: bench.attempt, refused: false }).answer({ n0: 1, n1: 400 });
    expect(bench.view).toMatchObject({ node: 'n1', pinned: 'n1', borrowed: false });
  });

  test('who names a node outside the list is refused', () => {
    const bench = Bench.onN0(1);
    expect(bench.take({ type: 'pin', node: 'x' }).read()).toEqual(['refused x']);
    expect(bench.view).toMatchObject({ node: 'n0', pinned: undefined });
  });
});

describe('after a sleep', () => {
  test('the connection is probed at once and dropped within a second when it is silent', () => {
    const bench = Bench.onN0(2).until(15_000);
    bench.take({ type: 'heard', attempt: bench.attempt, rttMs: 10 });
    bench.read();
    bench.wallMs += 3_600_000;
    expect(bench.take({ type: 'tick' }).read()).toEqual(['probe n0']);
    expect(bench.until(16_000).read()).toEqual(['probe n0', 'disconnect n0', 'n0 is disconnected', 'ping n0 n1']);
    bench.answer({});
    // The last sign of life was before the sleep, whatever the clocks did since.
    expect(bench.read()).toEqual(['offline since 15000']);
  });

  test('a missing node is looked for at once', () => {
    const bench = new Bench(1).until(0).answer({}).until(2_000);
    bench.read();
    bench.wallMs += 60_000;
    expect(bench.take({ type: 'tick' }).read()).toEqual(['ping n0']);
  });
});
