/**
 * Stretching a password takes a tenth of a second, and tests of one file stretch the same one with the same seeded salts again
 * and again: each is computed once, by the real function. For what runs in the process of a test of the scenario and the long layer;
 * the vault's own tests do without.
 */
import { toHex } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';

const known = new Map<string, Promise<Uint8Array>>();
const real = SodiumSuite.prototype.argon2id;

SodiumSuite.prototype.argon2id = function (password, salt, cost) {
  const name = JSON.stringify([toHex(password), toHex(salt), cost]);
  const computed = known.get(name) ?? real.call(this, password, salt, cost);
  known.set(name, computed);
  // Callers may wipe what they get.
  return computed.then((key) => key.slice());
};
