import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { FILLED_MS, FILLING_ROWS_MIN } from './limits.ts';
import { Pace } from './pace.ts';

function world() {
  const clock = new ManualClock(0);
  const said: string[] = [];
  const pace = new Pace({ clock, favour: (what) => said.push(what), collectGarbage: () => said.push('collect') });
  return { clock, pace, said };
}

describe('a user server', () => {
  test('favours speed while much comes, and memory again when nothing more has come for a while', async () => {
    const { clock, pace, said } = world();
    expect(pace.took(FILLING_ROWS_MIN)).toBe(true);
    const filled = pace.untilFilled(new AbortController().signal);
    for (let round = 0; round < 3; round++) {
      await clock.advance(FILLED_MS - 1);
      expect(pace.took(FILLING_ROWS_MIN), 'it is filling already').toBe(false);
    }
    expect(said).toEqual(['speed']);
    await clock.advance(FILLED_MS);
    await filled;
    expect(said).toEqual(['speed', 'memory', 'collect']);
    expect(pace.took(FILLING_ROWS_MIN), 'once more').toBe(true);
  });

  test('takes what people do by hand for what it is', () => {
    const { pace, said } = world();
    expect(pace.took(FILLING_ROWS_MIN - 1)).toBe(false);
    expect(said).toEqual([]);
  });

  test('that ends while it is being filled leaves everything as it is', async () => {
    const { pace, said } = world();
    pace.took(FILLING_ROWS_MIN);
    const ending = new AbortController();
    const filled = pace.untilFilled(ending.signal);
    ending.abort(new DOMException('it ends', 'AbortError'));
    await filled;
    expect(said).toEqual(['speed']);
  });
});
