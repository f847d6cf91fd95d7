import { describe, expect, test } from 'vitest';
import { toHex } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { currentPlatform } from './folders.ts';
import { openKeyring } from './keyring.ts';

const platform = currentPlatform(process.env);
const keyring = await openKeyring(platform).catch(() => undefined);

describe('the keyring of the system', () => {
  test('that is missing is told with what to do', async () => {
    const bare = { os: 'linux', home: '/', environment: { PATH: '/nowhere' } } as const;
    await expect(openKeyring(bare)).rejects.toMatchObject({
      code: 'no_keyring',
      fix: expect.stringContaining('RESTANTE_PASSWORD'),
    });
    await expect(openKeyring({ ...bare, os: 'win32' })).rejects.toMatchObject({ code: 'no_keyring' });
  });

  // Not every system has a keyring, and a build machine seldom has.
  test.skipIf(keyring === undefined)('keeps one secret for each address until it is forgotten', async () => {
    if (keyring === undefined) return;
    const random = toHex(new SystemRandom().bytes(8));
    const [alice, bob] = [parseAddress(`alice-${random}@test.example`), parseAddress(`bob-${random}@test.example`)];
    try {
      expect(await keyring.find(alice)).toBeUndefined();
      await keyring.save(alice, 'first');
      await keyring.save(alice, `second "quoted" \\ ${random}`);
      await keyring.save(bob, 'other');
      expect(await keyring.find(alice)).toBe(`second "quoted" \\ ${random}`);
      await keyring.forget(alice);
      expect(await keyring.find(alice)).toBeUndefined();
      expect(await keyring.find(bob)).toBe('other');
    } finally {
      await keyring.forget(alice);
      await keyring.forget(bob);
    }
    await keyring.forget(alice);
  });
});
