import { describe, expect, test } from 'vitest';
import { builtUrl, workerUrl } from './worker-url.ts';

describe('the code of a thread', () => {
  test('is beside its caller when that is compiled', () => {
    const url = workerUrl('./pool-worker.ts', 'file:///app/src/x/dist/vault/node/pool.js');
    expect(url.href).toBe('file:///app/src/x/dist/vault/node/pool-worker.js');
  });

  test('is the one in the bundle when its caller is a source', () => {
    const url = workerUrl('./signature-worker.ts', import.meta.url);
    expect(url.href).toMatch(/\/dist\/bin\/base-system-signature-worker\.js$/);
  });

  test('that was never built is told with what to do', () => {
    expect(() => workerUrl('./no-such-worker.ts', import.meta.url)).toThrow(
      /dist\/bin\/base-system-no-such-worker\.js.*npm run build/,
    );
  });
});

test('what is built elsewhere is found from a source and from what it is compiled to', () => {
  const source = builtUrl('../web', 'file:///app/src/x/src/hub/program.ts');
  expect(source.href).toBe('file:///app/src/x/dist/web');
  expect(builtUrl('../web', 'file:///app/src/x/dist/hub/program.js')).toEqual(source);
});
