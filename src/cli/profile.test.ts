import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
// Each of these tests seals with the same password, and stretching it takes a third of a second.
import '../../test/harness/remember-argon2.ts';
import { SeededSecureRandom, toBase64, toHex } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets } from '../vault/index.ts';
import { profileFolder } from './folders.ts';
import { Profile } from './profile.ts';
import { chooseProfile } from './profile-choice.ts';

const ALICE = parseAddress('alice@localhost:7896');

async function setup() {
  // Alike in each test: what is stretched in one is remembered in the next.
  const deps = { suite: new SodiumSuite(), random: new SeededSecureRandom(1) };
  const home = await mkdtemp(join(tmpdir(), 'restante-profile-'));
  const platform = { os: 'linux', home, environment: {} } as const;
  const create = async (address = ALICE) => {
    const secrets = await createAccountSecrets(deps, { address, createdAt: 1_700_000_000_000 });
    const keyPair = deps.suite.keyPair(deps.random.bytes(32));
    const device = { address, secrets, device: keyPair, contentKey: deps.random.bytes(32) };
    const folder = profileFolder(platform, address);
    const nodeUrl = 'ws://localhost:7896/client';
    const profile = await Profile.create(deps, { folder, nodeUrl, password: 'correct horse', device });
    return { profile, device };
  };
  return { deps, home, platform, create, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}

describe('a profile', () => {
  test('opens with its password, after another one too, and with no other', async () => {
    await using made = await setup();
    const { deps } = made;
    const { profile, device } = await made.create();
    const key = await profile.unseal(deps, 'correct horse');
    await profile.savePassword(deps, key, 'battery staple');
    const again = await Profile.open(profile.folder);
    expect(await again.unseal(deps, 'battery staple')).toEqual(key);
    expect(again.deviceOf(deps, key)).toEqual(device);
    await expect(again.unseal(deps, 'correct horse')).rejects.toMatchObject({ code: 'wrong_password' });
  });

  test('holds no secret in the clear, in no spelling, and is the owner’s only', async () => {
    await using made = await setup();
    const { profile, device } = await made.create();
    const text = await readFile(join(profile.folder, 'profile.json'), 'utf8');
    const { identity, storageKey } = device.secrets;
    const seed = device.device.secretKey.subarray(0, 32);
    for (const secret of [identity.secretKey, storageKey, seed, device.contentKey])
      for (const spelled of [toHex(secret), toBase64(secret), toBase64(secret.subarray(0, 30))])
        expect(text).not.toContain(spelled);
    expect(text).not.toContain('horse');
    expect(await readdir(profile.folder)).toEqual(['profile.json']);
  });

  test('is never overwritten by a second one', async () => {
    await using made = await setup();
    await made.create();
    await expect(made.create()).rejects.toMatchObject({ code: 'profile_exists' });
  });

  test('that does not read is refused by name', async () => {
    await using made = await setup();
    const { profile } = await made.create();
    for (const text of ['', '{}', '[1]', '\u0000'.repeat(100)]) {
      await writeFile(join(profile.folder, 'profile.json'), text);
      await expect(Profile.open(profile.folder)).rejects.toMatchObject({ code: 'bad_profile' });
    }
    await writeFile(join(profile.folder, 'profile.json'), '{"v":2}');
    await expect(Profile.open(profile.folder)).rejects.toMatchObject({ code: 'newer_schema' });
    await expect(Profile.open(join(made.home, 'none'))).rejects.toMatchObject({ code: 'no_profile' });
  });

  test('is the default where it is the only one, else it is named', async () => {
    await using made = await setup();
    await expect(chooseProfile(made.platform, {})).rejects.toMatchObject({ code: 'no_profile' });
    await made.create();
    expect((await chooseProfile(made.platform, {})).address).toBe(ALICE);
    await made.create(parseAddress('bob@localhost:7896'));
    await expect(chooseProfile(made.platform, {})).rejects.toMatchObject({ code: 'many_profiles' });
    expect((await chooseProfile(made.platform, { address: 'bob' })).address).toBe('bob@localhost:7896');
    expect((await chooseProfile(made.platform, { address: ALICE })).address).toBe(ALICE);
    await expect(chooseProfile(made.platform, { address: 'carol' })).rejects.toMatchObject({ code: 'no_profile' });
  });

  test('lies in one folder of the platform, whatever characters an address has', async () => {
    const environment = { XDG_DATA_HOME: '/data' };
    const folderOf = (text: string) => profileFolder({ os: 'linux', home: '/h', environment }, parseAddress(text));
    expect(folderOf('alice@home.example')).toBe('/data/restante/profiles/alice@home.example');
    expect(folderOf('a/*|b@localhost:7896')).toBe('/data/restante/profiles/a%2f%2a%7cb@localhost%3a7896');
    const long = folderOf(`a@${Array(40).fill('bcdef').join('.')}.example`);
    expect(long.split('/').at(-1)?.length).toBeLessThanOrEqual(180);
  });
});
