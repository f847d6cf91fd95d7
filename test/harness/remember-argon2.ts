/**
 * Stretching a password takes a third of a second, and tests of one file stretch the same one with the same seeded salts again
 * and again: each is computed once, by the real function. For what runs in the process of a test of the scenario and the long layer;
 * the vault's own tests do without.
 */
import type { IArgon2Options } from 'hash-wasm';
import { vi } from 'vitest';
import { toHex } from '../../src/base/index.ts';

vi.mock('hash-wasm', async (importOriginal) => {
  const real = await importOriginal<typeof import('hash-wasm')>();
  const known = new Map<string, Promise<unknown>>();
  return {
    ...real,
    argon2id: (options: IArgon2Options): Promise<unknown> => {
      const name = JSON.stringify(options, (_, value) => (value instanceof Uint8Array ? toHex(value) : value));
      const computed = known.get(name) ?? real.argon2id(options);
      known.set(name, computed);
      // Callers may wipe what they get.
      return computed.then((result) => (result instanceof Uint8Array ? result.slice() : result));
    },
  };
});
