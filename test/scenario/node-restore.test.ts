import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { restoreBackup } from '../../src/node/index.ts';
import { From, type MailboxHead, ReceiptStatus } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import { until } from '../harness/until.ts';
import type { WireClient } from '../harness/wire-client.ts';

async function heads(
  client: WireClient,
  ledger: { feed: Uint8Array; head: MailboxHead }[] = [],
): Promise<MailboxHead[]> {
  const answer = await client.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: {
      version: 1,
      from: From.LEDGER,
      time: 0,
      ledger: ledger.map(({ feed, head }) => ({ feed, held: [], head })),
      client: 'test',
      request,
      headersOnly: false,
      newestFirst: false,
    },
  }));
  if (answer.oneofKind !== 'complete') throw new Error(JSON.stringify(answer));
  return answer.complete.heads;
}

async function submit(world: NodeWorld, person: Person, text: string): Promise<ReceiptStatus> {
  const client = await world.signIn(person);
  const { status } = await client.submit(writePdu(world.random, person, [person.address], utf8(text)), utf8(text));
  client.close();
  return status;
}

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'restante-backup-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe('restore ends the feed', () => {
  test('a node restored from yesterday’s backup begins a new feed, names the old one retired, and takes back what it lost', async () => {
    await using world = await NodeWorld.open();
    await using backups = await temporary();
    const bob = await world.person('bob');
    await submit(world, bob, 'before the backup');
    await world.core.operator.backup(join(backups.path, 'backup'));
    const lost = { body: utf8('after the backup') };
    const pdu = writePdu(world.random, bob, [bob.address], lost.body);
    const client = await world.signIn(bob);
    expect((await client.submit(pdu, lost.body)).status).toBe(ReceiptStatus.OK);
    const [before] = await heads(client);
    await world.stop();

    await restoreBackup(join(backups.path, 'backup'), join(backups.path, 'restored'));
    await world.start(join(backups.path, 'restored'));
    const restored = await world.signIn(bob);
    const after = await heads(restored);
    expect(after.map(({ number, retired }) => ({ number, retired }))).toEqual([
      { number: 0, retired: false },
      { number: 1, retired: true },
    ]);
    expect(after[1]?.feed).toEqual(before?.feed);
    expect(world.core.home.current?.nodes[0]?.retired).toHaveLength(1);
    expect((await restored.submit(pdu, lost.body)).status).toBe(ReceiptStatus.OK);
    expect((await restored.submit(pdu, lost.body)).status).toBe(ReceiptStatus.DUPLICATE);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test('a node whose whole folder was rolled back, keys included, ends its feed when a client shows a head beyond it', async () => {
    await using world = await NodeWorld.open();
    await using copies = await temporary();
    const bob = await world.person('bob');
    await submit(world, bob, 'one');
    await world.stop();
    const { cp } = await import('node:fs/promises');
    await cp(world.folder, join(copies.path, 'snapshot'), { recursive: true });
    await world.start();
    await submit(world, bob, 'two');
    const client = await world.signIn(bob);
    const [head] = await heads(client);
    expect(head?.number).toBe(2);
    await world.stop();

    await world.start(join(copies.path, 'snapshot'));
    const honest = await world.signIn(bob);
    expect((await heads(honest))[0]?.number).toBe(1);
    expect(world.retirements).toBe(0);
    const shown = await world.signIn(bob);
    await heads(shown, [{ feed: (head as MailboxHead).feed, head: head as MailboxHead }]);
    await until(() => world.retirements > 0);
    expect(world.retirements).toBe(1);
    await world.stop();
    await world.start(join(copies.path, 'snapshot'));
    const fresh = await heads(await world.signIn(bob));
    expect(fresh.map(({ number, retired }) => ({ number, retired }))).toEqual([
      { number: 0, retired: false },
      { number: 1, retired: true },
    ]);
  });

  test('a head that this node did not sign ends nothing', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const client = await world.signIn(bob);
    const [head] = await heads(client);
    const forged = { ...(head as MailboxHead), number: 99 };
    await heads(await world.signIn(bob), [{ feed: forged.feed, head: forged }]);
    await world.stop();
    expect(world.retirements).toBe(0);
    await world.start();
  });
});
