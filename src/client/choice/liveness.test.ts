import { describe, expect, test } from 'vitest';
import { hear, judge, judgeAt, openLiveness, startProbe } from './liveness.ts';
import { clockJumped, type Moment } from './moment.ts';

const WALL = 1_800_000_000_000;

function at(ms: number, wallMs = WALL + ms): Moment {
  return { at: ms, wallMs, random: 0 };
}

describe('a connection', () => {
  test('is dead when two heartbeats and half a second have passed in silence', () => {
    const liveness = openLiveness(at(0), 30_000);
    expect(judgeAt(liveness)).toBe(60_500);
    expect(judge(liveness, at(60_499)).verdict).toBe('fine');
    expect(judge(liveness, at(60_500)).verdict).toBe('dead');
    expect(judge(hear(liveness, at(60_000), undefined), at(120_499)).verdict).toBe('fine');
  });

  test.each([
    [0, 1_000],
    [-5, 1_000],
    [86_400_000, 60_000],
    [20_000, 20_000],
  ])('whose node announces a heartbeat of %i ms is judged by %i ms', (announced, used) => {
    expect(openLiveness(at(0), announced).heartbeatMs).toBe(used);
  });

  test('is suspect when two probes had no answer in time, and not before', () => {
    const probing = startProbe(openLiveness(at(0), 30_000), at(10_000), false);
    expect(judge(probing, at(10_499)).verdict).toBe('fine');
    const second = judge(probing, at(10_500));
    expect(second.verdict).toBe('probe');
    expect(judge(second.liveness, at(10_999)).verdict).toBe('fine');
    const ended = judge(second.liveness, at(11_000));
    expect(ended.verdict).toBe('suspect');
    expect(ended.liveness.suspect).toBe(true);
    expect(judge(ended.liveness, at(11_001)).verdict).toBe('fine');
  });

  test('is not suspect any more when it answers fast or sends anything', () => {
    const suspect = { ...openLiveness(at(0), 30_000), suspect: true };
    expect(hear(suspect, at(5), 499).suspect).toBe(false);
    expect(hear(suspect, at(5), undefined).suspect).toBe(false);
    expect(hear(suspect, at(5), 500).suspect).toBe(true);
  });

  test('is dead when it is silent after the machine slept, and only slow when it answers late', () => {
    const probing = startProbe(openLiveness(at(0), 30_000), at(1_000), true);
    const second = judge(probing, at(1_500)).liveness;
    expect(judge(second, at(2_000)).verdict).toBe('dead');
    expect(judge(hear(second, at(1_900), 900), at(2_000)).verdict).toBe('suspect');
  });
});

describe('the clocks', () => {
  test.each([
    ['ten seconds pass', at(10_000), false],
    ['the wall clock slews a little', at(10_000, WALL + 13_999), false],
    ['the machine slept and monotonic time stood still', at(10, WALL + 3_600_010), true],
    ['the machine slept and monotonic time ran on', at(3_600_000), true],
    ['somebody set the clock back', at(10_000, WALL - 86_400_000), true],
    ['the wall clock parts by four seconds', at(10_000, WALL + 14_000), true],
  ])('%s: %#', (_, now, jumped) => {
    expect(clockJumped(at(0), now)).toBe(jumped);
  });
});
