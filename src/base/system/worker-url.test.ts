import { describe, expect, test } from 'vitest';
import { workerUrl } from './worker-url.ts';

describe('workerUrl', () => {
  test('compiled code finds its worker beside itself', () => {
    const url = workerUrl('./pool-worker.ts', 'file:///app/src/x/dist/vault/node/pool.js');
    expect(url.href).toBe('file:///app/src/x/dist/vault/node/pool-worker.js');
  });

  test('sources that were never compiled are told what to do', () => {
    expect(() => workerUrl('./no-such-worker.ts', import.meta.url)).toThrow(
      /dist\/base\/system\/no-such-worker\.js.*tsc -b/,
    );
  });
});
