import { copyFile, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { checkAccountBackup } from '../../src/node/index.ts';
import { From, type NodeMessage, ReceiptStatus } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import { createPieces, getPiece, putPieces } from '../harness/pieces.ts';

const suite = new SodiumSuite();
const MAILS = 5;

/** A home that lost everything else, in another folder. */
async function startWithKeysOnly(world: NodeWorld, fresh: string): Promise<void> {
  await world.stop();
  await mkdir(join(fresh, 'keys'), { recursive: true });
  for (const file of ['home.json', 'keys/home.key', 'keys/node.key'])
    await copyFile(join(world.folder, file), join(fresh, file));
  await world.start(fresh);
}

/** Bob wrote to Alice, small and large; her account is backed up. */
async function setup() {
  const world = await NodeWorld.open();
  const [alice, bob] = [await world.person('alice'), await world.person('bob')];
  const sender = await world.signIn(bob);
  for (let i = 0; i < MAILS; i++) {
    const body = i === 0 ? world.random.bytes(100_000) : utf8(`mail ${i}`);
    await sender.submit(writePdu(world.random, bob, [alice.address, bob.address], body), body);
  }
  const folder = await mkdtemp(join(tmpdir(), 'restante-backup-'));
  const backup = join(folder, 'alice');
  await world.core.operator.backup(backup, alice.address);
  return {
    world,
    alice,
    folder,
    backup,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The bodies that the person finds at the home. */
async function bodiesOf(world: NodeWorld, person: Person): Promise<number[]> {
  const client = await world.signIn(person);
  const follow = { version: 1, from: From.BEGINNING, time: 0, ledger: [], client: 'test' };
  const answer: NodeMessage = await client.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: { ...follow, request, headersOnly: true, newestFirst: false },
  }));
  expect(answer.oneofKind).toBe('complete');
  const entries = [...client.entries.values()].flat();
  return Promise.all(
    entries.map(async ({ number }) => {
      const feed = world.core.feeds.current.discoveryKey;
      const body = await client.ask((request) => ({ oneofKind: 'fetch', fetch: { request, feed, number } }));
      return body.oneofKind === 'body' ? body.body.body.length : -1;
    }),
  );
}

describe('the backup of an account', () => {
  test('proves itself, and gives a home that lost everything but its keys the account back, once', async () => {
    await using made = await setup();
    const { world, alice, folder, backup } = made;
    expect(await checkAccountBackup(suite, backup)).toMatchObject({ ok: true, address: alice.address, entries: MAILS });
    await startWithKeysOnly(world, join(folder, 'fresh'));
    for (let time = 0; time < 2; time++)
      expect(await world.core.operator.restoreAccount(backup)).toMatchObject({ ok: true, entries: MAILS });
    const sizes = await bodiesOf(world, alice);
    expect(sizes).toHaveLength(MAILS);
    expect(sizes[0]).toBe(100_000);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true });
  });

  test('has large attachments with their mail: what is given back can be read, and what is not right is not', async () => {
    await using made = await setup();
    const { world, alice, folder } = made;
    const carol = await world.person('carol');
    const sender = await world.signIn(carol);
    const pieces = createPieces(world.random, 3);
    await putPieces(sender, pieces);
    const body = utf8('see there');
    // Twice, so that its pieces are written once.
    for (let time = 0; time < 2; time++) {
      const pdu = writePdu(world.random, carol, [alice.address, carol.address], body, 'mail', [pieces.attached]);
      expect((await sender.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    }
    const backup = join(folder, 'with-pieces');
    const { bytes } = await world.core.operator.backup(backup, alice.address);
    expect(bytes - pieces.attached.size).toBeLessThan(200_000);
    expect(await checkAccountBackup(suite, backup)).toMatchObject({ ok: true, entries: MAILS + 2, lacking: 0 });
    await startWithKeysOnly(world, join(folder, 'fresh'));
    for (let time = 0; time < 2; time++)
      expect(await world.core.operator.restoreAccount(backup)).toMatchObject({ ok: true, entries: MAILS + 2 });
    const reader = await world.signIn(alice);
    for (const [number, piece] of pieces.bodies.entries())
      expect(Buffer.compare((await getPiece(reader, pieces.list, number)).body, piece)).toBe(0);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true });

    const file = await open(join(backup, 'account.frames'), 'r+');
    const all = await file.readFile();
    await file.write(
      Buffer.from([~(all[all.indexOf(pieces.bodies[2] as Uint8Array)] as number)]),
      0,
      1,
      all.indexOf(pieces.bodies[2] as Uint8Array),
    );
    await file.close();
    const problem = { code: 'block', where: 'piece 2' };
    expect(await checkAccountBackup(suite, backup)).toMatchObject({ ok: false, problems: [problem], lacking: 2 });
    await expect(world.core.operator.restoreAccount(backup)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('that was changed, cut off or is of another home gives nothing back', async () => {
    await using made = await setup();
    const { world, backup } = made;
    await using other = await NodeWorld.open({}, 2);
    await expect(other.core.operator.restoreAccount(backup)).rejects.toMatchObject({ code: 'wrong_home' });
    const file = await open(join(backup, 'account.frames'), 'r+');
    const { size } = await file.stat();
    await file.write(Uint8Array.of(255), 0, 1, size - 60_000);
    const found = await checkAccountBackup(suite, backup);
    expect(found.problems).toMatchObject([{ code: 'block' }]);
    await expect(world.core.operator.restoreAccount(backup)).rejects.toMatchObject({ code: 'damaged' });
    await file.truncate(size - 10);
    await file.close();
    await expect(checkAccountBackup(suite, backup)).rejects.toMatchObject({ code: 'bad_folder' });
  });
});
