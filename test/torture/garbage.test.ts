/** Memory that buffers take while they pass, in a process where nothing else does. */
import { expect, test } from 'vitest';
import { letPass } from '../../src/base/system/garbage.ts';

test('large buffers that pass do not pile up in memory', () => {
  const size = 1024 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let i = 0; i < 256; i++) {
    letPass(new Uint8Array(size).fill(1).length);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(24 * size);
  expect(globalThis).not.toHaveProperty('gc');
});
