import { describe, expect, test } from 'vitest';
import { SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { writePdu } from '../harness/person.ts';

describe('verify and repair', () => {
  test('verify is right while mail comes in, and holds nobody up for long', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const client = await world.signIn(bob);
    let stop = false;
    const sending = (async () => {
      let sent = 0;
      for (; !stop; sent++) {
        const body = utf8(`mail ${sent}`);
        const receipt = await client.submit(writePdu(world.random, bob, [bob.address], body), body);
        expect(receipt.status).toBe(ReceiptStatus.OK);
      }
      return sent;
    })();
    for (let round = 0; round < 5; round++)
      expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
    stop = true;
    expect(await sending).toBeGreaterThan(0);
  });

  test('a lost, a changed and an invented view row are found, and repair mends them from the feed', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const client = await world.signIn(bob);
    for (let i = 0; i < 5; i++) {
      const body = utf8(`${i}`);
      await client.submit(writePdu(world.random, bob, [bob.address], body), body);
    }
    await world.stop();
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const store = await SqliteStore.open({ log }, { folder: `${world.folder}/store` });
    await store.transact(async (transaction) => {
      const rows = await transaction.range({ from: utf8('VM'), to: utf8('VN'), limit: 5 });
      transaction.delete((rows[0] as { key: Uint8Array }).key);
      const changed = Uint8Array.from((rows[1] as { value: Uint8Array }).value);
      changed[0] = 9;
      transaction.put((rows[1] as { key: Uint8Array }).key, changed);
      transaction.put(utf8('VZ invented'), utf8('x'));
    });
    await store[Symbol.asyncDispose]();
    await world.start();
    const found = await world.core.operator.verify();
    expect(found.ok).toBe(false);
    expect(found.problems.map(({ code }) => code)).toEqual(['view_missing', 'view_differs', 'view_extra']);
    expect(await world.core.operator.repair()).toMatchObject({ ok: true, problems: [] });
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test('an account is checked and mended alone: what is wrong with another is not its matter', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const client = await world.signIn(alice);
    for (const recipients of [[alice.address], [bob.address], [alice.address, bob.address]]) {
      const body = utf8(`to ${recipients}`);
      await client.submit(writePdu(world.random, alice, recipients, body), body);
    }
    await world.stop();
    const store = await SqliteStore.open({ log: SILENT_LOG }, { folder: `${world.folder}/store` });
    await store.transact(async (transaction) => {
      const rows = await transaction.range({ from: utf8('VM'), to: utf8('VN'), limit: 9 });
      expect(rows).toHaveLength(4); // two mailboxes of two
      for (const [i, change] of [
        [0, 'lost'],
        [2, 'changed'],
      ] as const) {
        const { key, value } = rows[i] as { key: Uint8Array; value: Uint8Array };
        if (change === 'lost') transaction.delete(key);
        else transaction.put(key, value.with(0, 9));
      }
    });
    await store[Symbol.asyncDispose]();
    await world.start();
    const { operator } = world.core;
    const codes = async (account?: string) =>
      (await operator.verify(account === undefined ? {} : { account })).problems.map(({ code }) => code);
    expect(await codes()).toEqual(['view_missing', 'view_differs']);
    expect(await codes(alice.address)).toEqual(['view_missing']);
    expect(await codes(bob.address)).toEqual(['view_differs']);
    expect(await operator.repair({ account: alice.address })).toMatchObject({ ok: true, problems: [] });
    expect(await codes()).toEqual(['view_differs']);
    expect(await operator.repair({ account: bob.address })).toMatchObject({ ok: true });
    const whole = await operator.verify();
    expect(whole.ok).toBe(true);
    expect((await operator.verify({ account: bob.address })).checked).toBeLessThan(whole.checked);
    await expect(operator.verify({ account: 'carol@home.example' })).rejects.toMatchObject({ code: 'unknown_account' });
  });
});
