import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { skipWithout } from '../../test/harness/requirement.ts';
import { hasSecretService, openSecretService } from '../../test/harness/secret-service.ts';
import { toHex } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { currentPlatform } from './folders.ts';
import { openKeyring, openKeyringNamed } from './keyring.ts';

const isSkipped = skipWithout(hasSecretService(), {
  test: 'the keyring',
  lack: 'dbus, gnome-keyring or libsecret-tools is not installed',
});

afterEach(() => void vi.unstubAllEnvs());

describe('the keyring of the system', () => {
  test('that is missing is told with what to do', async () => {
    const bare = { os: 'linux', home: '/', environment: { PATH: '/nowhere' } } as const;
    await expect(openKeyring(bare)).rejects.toMatchObject({
      code: 'no_keyring',
      fix: expect.stringContaining('RESTANTE_PASSWORD'),
    });
    await expect(openKeyring({ ...bare, os: 'win32' })).rejects.toMatchObject({ code: 'no_keyring' });
  });

  test('that holds the key and is not reached from here is told, and no other is asked', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'restante-keyring-'));
    await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
    await writeFile(join(folder, 'keyctl'), '#!/bin/sh\n', { mode: 0o700 });
    const remote = { os: 'linux', home: '/', environment: { PATH: folder } } as const;
    expect((await openKeyringNamed(remote, 'keyctl')).name).toBe('keyctl');
    await expect(openKeyringNamed(remote, 'secret-tool')).rejects.toMatchObject({
      code: 'keyring_failed',
      message: expect.stringContaining('secret-tool'),
    });
  });

  // There may be none to ask.
  test.skipIf(isSkipped)('keeps one secret for each address until it is forgotten', async () => {
    await using service = await openSecretService();
    vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', service.busAddress);
    const keyring = await openKeyring(currentPlatform(process.env));
    expect(keyring.name).toBe('secret-tool');
    const random = toHex(new SystemRandom().bytes(8));
    const [alice, bob] = [parseAddress(`alice-${random}@test.example`), parseAddress(`bob-${random}@test.example`)];
    expect(await keyring.find(alice)).toBeUndefined();
    await keyring.save(alice, 'first');
    await keyring.save(alice, `second "quoted" \\ ${random}`);
    await keyring.save(bob, 'other');
    expect(await keyring.find(alice)).toBe(`second "quoted" \\ ${random}`);
    await keyring.forget(alice);
    expect(await keyring.find(alice)).toBeUndefined();
    expect(await keyring.find(bob)).toBe('other');
    await keyring.forget(alice); // once more: nothing is there, and that is no error
    vi.stubEnv('DBUS_SESSION_BUS_ADDRESS', 'unix:path=/nowhere');
    await expect(keyring.forget(bob)).rejects.toMatchObject({ code: 'keyring_failed' });
  });
});
