import { expect, test } from 'vitest';
import { letPass } from './garbage.ts';

const MiB = 1024 * 1024;

/** The most that buffers took beyond what they took before, while so many passed, each kept while `held` others came. */
function mostHeld(count: number, held: number): number {
  const before = process.memoryUsage().arrayBuffers;
  const kept: Uint8Array[] = [];
  let most = 0;
  for (let i = 0; i < count; i++) {
    kept.push(new Uint8Array(MiB).fill(1));
    if (kept.length > held) kept.shift();
    letPass(MiB);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  return most;
}

test('large buffers that pass do not pile up in memory', () => {
  expect(mostHeld(256, 0)).toBeLessThan(24 * MiB);
  expect(globalThis).not.toHaveProperty('gc');
});

test('nor do those that are under way for a while', () => {
  expect(mostHeld(256, 12)).toBeLessThan(72 * MiB);
});
