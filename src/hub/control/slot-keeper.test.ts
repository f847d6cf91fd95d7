import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock, SeededSecureRandom } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { createSessionId } from '../component/ids.ts';
import { Stretcher } from '../slots/stretcher.ts';
import { SlotKeeper } from './slot-keeper.ts';
import { UserFolders } from './user-folders.ts';

const random = new SeededSecureRandom(9);
const alice = parseAddress('alice@home.example');

test('slots that are closed are on the disk, and no longer change: another process may have them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slots-'));
  await using stretcher = new Stretcher(new SodiumSuite());
  const open = () => new SlotKeeper({ clock: new ManualClock(0), random, folders: new UserFolders(folder), stretcher });
  try {
    const [before, after] = [open(), open()];
    const add = (name: string) => before.addApp(alice, random.bytes(32), { name, scopes: ['read'] });
    const under = [add('phone'), add('tablet')];
    await before.close();
    expect((await after.of(alice)).map(({ name }) => name)).toEqual(['phone', 'tablet']);
    const [{ slot }] = (await Promise.all(under)) as [Awaited<ReturnType<typeof add>>];
    await expect(add('watch')).rejects.toMatchObject({ code: 'closed' });
    await expect(before.revoke(alice, slot.id)).rejects.toMatchObject({ code: 'closed' });
    expect(await after.of(alice)).toHaveLength(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a session that is opened while its app password is revoked opens nothing, and none opens longer than that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slots-'));
  await using stretcher = new Stretcher(new SodiumSuite());
  const clock = new ManualClock(1_000);
  const keeper = new SlotKeeper({ clock, random, folders: new UserFolders(folder), stretcher });
  try {
    const hubKey = random.bytes(32);
    const { slot: app } = await keeper.addApp(alice, hubKey, { name: 'phone', scopes: ['read'], expiresAt: 9_000 });
    const session = { id: createSessionId(random), scopes: app.scopes, slotIds: [app.id] };
    const { slot } = await keeper.addSession(alice, hubKey, session);
    expect(slot.expiresAt).toBe(9_000);
    const revoking = keeper.revoke(alice, app.id);
    await expect(keeper.addSession(alice, hubKey, session)).rejects.toMatchObject({ code: 'refused' });
    await revoking;
    expect(await keeper.of(alice)).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
