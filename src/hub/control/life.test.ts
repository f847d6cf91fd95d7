import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Life, type LifeEffect, type LifeEvent, STOPPED, stepLife } from './life.ts';
import { BREAKER_FAILURES, BREAKER_REST_MS, HEALTHY_AFTER_MS, START_TIMEOUT_MS, STOP_TIMEOUT_MS } from './limits.ts';

const options = { idleTimeoutMs: 1_000 };

function eventOf(type: LifeEvent['type'], count: number): LifeEvent {
  if (type === 'connections') return { type, count };
  return type === 'ready' ? { type, connections: count } : { type };
}

/** Plays events, each `[at, type]` or with a count; returns the last life and all effects. */
function play(...events: readonly (readonly [number, LifeEvent['type'], number?])[]): [Life, LifeEffect[]] {
  let life = STOPPED;
  const all: LifeEffect[] = [];
  for (const [at, type, count = 0] of events) {
    const { life: next, effects } = stepLife(options, life, eventOf(type, count), at);
    life = next;
    all.push(...effects);
  }
  return [life, all];
}

describe('the life of a user server', () => {
  test('begins when somebody wants it, and lets them in when it is ready', () => {
    const [life, effects] = play([0, 'wanted'], [1, 'wanted'], [5, 'ready']);
    expect(effects).toEqual(['launch', 'admit']);
    expect(life).toMatchObject({ phase: 'running', idleSince: 5 });
  });

  test('ends when nobody has been connected for the idle time, and not before', () => {
    const begun = [
      [0, 'wanted'],
      [1, 'ready'],
      [2, 'connections', 1],
      [5_000, 'tick'],
      [6_000, 'connections', 0],
    ] as const;
    expect(play(...begun, [6_999, 'tick'])[0].phase).toBe('running');
    const [life, effects] = play(...begun, [7_000, 'tick'], [7_100, 'exited']);
    expect(effects).toEqual(['launch', 'admit', 'stop']);
    expect(life).toEqual(STOPPED);
  });

  test('does not end under whoever was connected before it was ready', () => {
    expect(play([0, 'wanted'], [1, 'ready', 1], [90_000, 'tick'])[0].phase).toBe('running');
  });

  test('begins again for who comes while it stops', () => {
    const [life, effects] = play([0, 'wanted'], [1, 'ready'], [1_001, 'tick'], [1_002, 'wanted'], [1_003, 'exited']);
    expect(effects).toEqual(['launch', 'admit', 'stop', 'launch']);
    expect(life.phase).toBe('starting');
  });

  test('is ended when it takes too long to start or to stop', () => {
    expect(play([0, 'wanted'], [9, 'launched'], [START_TIMEOUT_MS + 10, 'tick'])[1]).toEqual(['launch', 'kill']);
    // Waiting for its turn does not count.
    expect(play([0, 'wanted'], [START_TIMEOUT_MS + 1, 'tick'])[1]).toEqual(['launch']);
    const stopping = play([0, 'wanted'], [1, 'ready'], [2, 'stop'], [STOP_TIMEOUT_MS + 3, 'tick']);
    expect(stopping[1]).toEqual(['launch', 'admit', 'stop', 'kill']);
  });

  test('goes on after a crash when somebody is connected, and rests longer each time', () => {
    let life: Life = { phase: 'running', failures: 0, since: 0, idleSince: undefined };
    const rests: number[] = [];
    for (let now = 0, crash = 1; crash < BREAKER_FAILURES; crash++) {
      life = stepLife(options, life, { type: 'exited' }, now).life;
      expect(life.phase).toBe('resting');
      const until = life.phase === 'resting' ? life.until : 0;
      rests.push(until - now);
      now = until;
      expect(stepLife(options, life, { type: 'tick' }, now - 1).effects).toEqual([]);
      life = stepLife(options, life, { type: 'tick' }, now).life;
      expect(life.phase).toBe('starting');
    }
    expect(rests).toEqual([100, 200, 400, 800, 1_600]);
  });

  test('is given up after crashes in a row, says so, and is tried once when it has rested', () => {
    let life: Life = { phase: 'starting', failures: BREAKER_FAILURES - 1, since: 0 };
    const broken = stepLife(options, life, { type: 'exited' }, 10);
    expect(broken).toMatchObject({ life: { phase: 'broken', until: 10 + BREAKER_REST_MS }, effects: ['refuse'] });
    expect(stepLife(options, broken.life, { type: 'wanted' }, 20).effects).toEqual(['refuse']);
    life = stepLife(options, broken.life, { type: 'tick' }, 10 + BREAKER_REST_MS).life;
    life = stepLife(options, life, { type: 'wanted' }, 200_000).life;
    expect(stepLife(options, life, { type: 'exited' }, 200_001).life.phase).toBe('broken');
    expect(stepLife(options, broken.life, { type: 'restart' }, 20)).toMatchObject({ effects: ['launch'] });
  });

  test('forgets its crashes when it has run well for a while', () => {
    const running: Life = { phase: 'running', failures: 5, since: 0, idleSince: undefined };
    expect(stepLife(options, running, { type: 'tick' }, HEALTHY_AFTER_MS + 1).life.failures).toBe(0);
    expect(stepLife(options, running, { type: 'exited' }, HEALTHY_AFTER_MS + 1).life).toMatchObject({ failures: 1 });
  });

  test('never has two processes, and never leaves who waits without an answer, whatever happens', () => {
    const type = fc.constantFrom<LifeEvent['type']>(
      'wanted',
      'ready',
      'exited',
      'connections',
      'unhealthy',
      'stop',
      'restart',
      'tick',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.nat(20_000), fc.nat(2)), { maxLength: 200 }), (events) => {
        let life = STOPPED;
        let [now, processes, waiting] = [0, 0, false];
        const act = (event: LifeEvent): void => {
          const step = stepLife(options, life, event, now);
          life = step.life;
          if (event.type === 'wanted') waiting = true;
          if (event.type === 'exited') processes = 0;
          for (const effect of step.effects) {
            if (effect === 'launch') expect(++processes).toBe(1);
            if (effect === 'kill' || effect === 'stop') expect(processes).toBe(1);
            if (effect === 'admit' || effect === 'refuse') waiting = false;
          }
        };
        for (const [next, laterMs, count] of events) {
          now += laterMs;
          // A process that is not there says nothing.
          if (['launched', 'ready', 'exited'].includes(next) && processes === 0) continue;
          act(eventOf(next, count));
        }
        // Left alone, with a process that works, it comes to an answer.
        for (let turn = 0; waiting && turn < 10; turn++) {
          now += BREAKER_REST_MS;
          if (life.phase === 'starting') act({ type: 'ready', connections: 0 });
          else if (life.phase === 'stopping') act({ type: 'exited' });
          else act({ type: 'tick' });
        }
        expect(waiting).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
