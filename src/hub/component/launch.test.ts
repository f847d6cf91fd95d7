import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { x25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { fromUtf8, SeededSecureRandom, utf8 } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { checkFence, raiseFence } from './fence.ts';
import { createInstanceId } from './ids.ts';
import { createComponentKeys, publicKeysOf } from './keys.ts';
import { encodeLaunch, type Launch, parseLaunch } from './launch.ts';
import { openSealed, SEALED_BOX_OVERHEAD_BYTES, sealTo } from './sealing.ts';
import { publicKeyOf, sharedSecretOf } from './x25519.ts';

const suite = new SodiumSuite();
const random = new SeededSecureRandom(2);

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

function sampleLaunch(): Launch {
  return {
    component: 'user-server',
    user: parseAddress('alice@home.example'),
    instance: createInstanceId(random),
    keys: createComponentKeys(suite, random),
    control: { instance: createInstanceId(random), keys: publicKeysOf(createComponentKeys(suite, random)) },
    busPath: '/run/bus.sock',
    hostFolder: '/srv/hub',
    socketPath: '/run/a.sock',
    folder: '/var/lib/a',
    cache: 'disk',
    fence: 3,
    allowPrivate: true,
    limits: { memoryBytes: 1, agentTimeoutMs: 1 },
  };
}

describe('a launch message', () => {
  test('says the same when it is read', () => {
    const launch = sampleLaunch();
    expect(parseLaunch(suite, encodeLaunch(launch))).toEqual(launch);
  });

  test('that is cut, or has a field too many, is refused without quoting it', () => {
    const bytes = encodeLaunch(sampleLaunch());
    const more = utf8(JSON.stringify({ ...JSON.parse(fromUtf8(bytes)), password: 'hunter2' }));
    for (const wrong of [bytes.subarray(0, 40), more, new Uint8Array(100_000)]) {
      expect(() => parseLaunch(suite, wrong)).toThrow(expect.objectContaining({ code: 'malformed' }));
      expect(inspect(thrownBy(() => parseLaunch(suite, wrong)))).not.toMatch(/hunter2/);
    }
  });
});

describe('a sealed box', () => {
  const keys = createComponentKeys(suite, random);
  const secret = utf8('correct horse');

  test('opens for its receiver and purpose alone', () => {
    const sealed = sealTo(random, keys.sealing.publicKey, 'use', secret);
    expect(sealed.length).toBe(secret.length + SEALED_BOX_OVERHEAD_BYTES);
    expect(openSealed(keys.sealing, 'use', sealed)).toEqual(secret);
    const other = createComponentKeys(suite, random);
    for (const open of [
      () => openSealed(keys.sealing, 'other', sealed),
      () => openSealed(other.sealing, 'use', sealed),
    ])
      expect(open).toThrow(expect.objectContaining({ code: 'not_sealed_to_us' }));
  });

  test('is made by X25519 as another implementation has it, and for no key that agrees with everybody', () => {
    const [alice, bob] = [random.bytes(32), random.bytes(32)];
    expect(publicKeyOf(alice)).toEqual(x25519.getPublicKey(alice));
    expect(sharedSecretOf(alice, publicKeyOf(bob))).toEqual(x25519.getSharedSecret(bob, publicKeyOf(alice)));
    expect(() => sealTo(random, new Uint8Array(32), 'use', secret)).toThrow();
  });

  test('of any wrong bytes does not open', () => {
    const sealed = sealTo(random, keys.sealing.publicKey, 'use', secret);
    for (const wrong of [
      new Uint8Array(),
      new Uint8Array(200),
      sealed.subarray(1),
      sealed.with(40, 1 ^ (sealed[40] ?? 0)),
    ])
      expect(() => openSealed(keys.sealing, 'use', wrong)).toThrow(
        expect.objectContaining({ code: 'not_sealed_to_us' }),
      );
  });
});

describe('a fence', () => {
  test('keeps out whoever had the turn before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fence-'));
    try {
      const user = join(folder, 'alice');
      const first = raiseFence(user);
      checkFence(user, first);
      const second = raiseFence(user);
      expect(second).toBeGreaterThan(first);
      checkFence(user, second);
      expect(() => checkFence(user, first)).toThrow(expect.objectContaining({ code: 'fenced' }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
