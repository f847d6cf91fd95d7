/**
 * What a home may try with the keys that it hands out, and who finds it out: nobody writes to a key that the log does not
 * name, and whoever a false key is logged for sees it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { AlarmCode, Client } from '../../src/client/index.ts';
import { discoveryKeyOf } from '../../src/feed/index.ts';
import {
  accountContentJson,
  countersignDocument,
  feedIdOf,
  type KeyRecord,
  parseAccountDocument,
  signDocument,
} from '../../src/protocol/index.ts';
import { createAccountSecrets } from '../../src/vault/index.ts';
import { drive, type OpenedClient, openClient } from '../harness/cheat.ts';
import { copyKeyLog, showKeyLog } from '../harness/cheating-key-log.ts';
import { ClientWorld, never } from '../harness/client-world.ts';

test('a home that hands one person a key it did not log: nothing is encrypted to it', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  const forged = await forgedBob(setting);
  world.tamper = (message) => {
    if (message.oneofKind !== 'chain' || !isOf(message.chain.documents, world.node.address('bob'))) return message;
    return { oneofKind: 'chain', chain: { ...message.chain, documents: [forged] } };
  };
  await nothingIsSent(setting, 'key_not_logged');
  expect(codes(alice.client)).toEqual(['key_not_logged']);
  world.tamper = undefined;
  await sendToBob(setting);
  expect(codes(alice.client)).toEqual([]);
});

test('a false key that is logged for a while: its person’s device sees it, and that it is gone', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  const log = await copyKeyLog(world.node.suite, world.node.core);
  await syncs(setting, alice);
  expect(codes(alice.client)).toEqual([]);
  const lie = showKeyLog(world.node.core, log.log(falseRecord(setting, 'alice')));
  await syncs(setting, alice);
  expect(codes(alice.client)).toEqual(['foreign_key_logged']);
  // The home takes it back …
  lie.mockRestore();
  await syncs(setting, alice);
  expect(codes(alice.client)).toContain('key_log_shorter');
  // … and goes on as if it had never been.
  await world.createAccount('carol');
  await syncs(setting, alice);
  expect(codes(alice.client)).toContain('key_log_forked');
  await nothingIsSent(setting, 'key_log_forked');
});

test('a false key that is logged beside the right one: nothing is encrypted to either', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  const log = await copyKeyLog(world.node.suite, world.node.core);
  showKeyLog(world.node.core, log.log({ ...falseRecord(setting, 'bob'), version: 1 }));
  await syncs(setting, alice);
  await nothingIsSent(setting, 'key_log_forked');
  expect(alice.client.alarms).toMatchObject([{ code: 'key_log_forked', subject: world.node.address('bob') }]);
});

test('a log that leaves a person out: their device says so', async () => {
  await using setting = await setup(async ({ node }) => {
    const log = await copyKeyLog(node.suite, node.core);
    const others = log.blocks.filter((block) => !Buffer.from(block).includes('alice@'));
    log.blocks.splice(0, log.blocks.length, ...others);
    showKeyLog(node.core, log);
  });
  const { alice } = setting;
  await syncs(setting, alice);
  expect(alice.client.alarms).toMatchObject([{ code: 'key_not_logged', subject: alice.client.address }]);
});

test('a home that logged a newer version than it shows: nothing is encrypted to the old one', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  const log = await copyKeyLog(world.node.suite, world.node.core);
  showKeyLog(world.node.core, log.log(falseRecord(setting, 'bob')));
  await syncs(setting, alice);
  await nothingIsSent(setting, 'chain_rolled_back');
});

test('records that the log’s key did not sign: nothing is encrypted to anybody of that home', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  await world.createAccount('carol');
  world.tamper = (message) => {
    if (message.oneofKind !== 'keyLog' || message.keyLog.page === undefined) return message;
    const { page, request } = message.keyLog;
    return { oneofKind: 'keyLog', keyLog: { request, page: { ...page, blocks: page.blocks.map(() => utf8('{}')) } } };
  };
  await syncs(setting, alice);
  await nothingIsSent(setting, 'bad_key_log');
  world.tamper = undefined;
  await syncs(setting, alice);
  await sendToBob(setting);
  expect(codes(alice.client)).toEqual([]);
});

test('a restored home begins another log: its people are told, and go on', async () => {
  await using setting = await setup();
  const { alice, world } = setting;
  const { node } = world;
  await syncs(setting, alice);
  const before = node.core.keyLog.publicKey;
  world.cutAll();
  await drive(world, node.stop());
  const feed = feedIdOf(discoveryKeyOf(node.suite, before));
  await rm(join(node.folder, 'keys', `feed-${feed.slice(0, 16)}.key`));
  await drive(world, node.start());
  expect(node.core.keyLog.publicKey).not.toEqual(before);
  await syncs(setting, alice);
  expect(alice.client.alarms).toMatchObject([{ code: 'key_log_replaced', subject: node.home }]);
  await sendToBob(setting);
});

interface Setting extends AsyncDisposable {
  readonly world: ClientWorld;
  readonly alice: OpenedClient;
}

/** Alice and Bob are here; Alice is connected and never wrote to anybody. */
async function setup(before?: (world: ClientWorld) => Promise<void>): Promise<Setting> {
  const world = await ClientWorld.open();
  const { store, created } = await world.createAccount('alice');
  await world.createAccount('bob');
  await before?.(world);
  const alice = await openClient(world, { store, profile: created.profile });
  await drive(world, alice.client.connect(never));
  return {
    world,
    alice,
    async [Symbol.asyncDispose]() {
      await drive(world, alice.close());
      await world[Symbol.asyncDispose]();
    },
  };
}

function codes(client: Client): readonly AlarmCode[] {
  return client.alarms.map(({ code }) => code);
}

async function syncs({ world }: Setting, { client }: OpenedClient): Promise<void> {
  await drive(world, client.sync({ signal: never }));
}

const DRAFT = { subject: 'for bob alone', text: 'a secret' };

async function sendToBob({ alice, world }: Setting): Promise<void> {
  const { status } = await drive(world, alice.client.send({ ...DRAFT, to: [world.node.address('bob')] }, never));
  expect(status).toBe('accepted');
}

async function nothingIsSent({ alice, world }: Setting, alarm: AlarmCode): Promise<void> {
  const sending = alice.client.send({ ...DRAFT, to: [world.node.address('bob')] }, never);
  await expect(drive(world, sending)).rejects.toMatchObject({ code: 'standing_alarm', details: { alarm } });
  expect(alice.sent.filter(({ oneofKind }) => oneofKind === 'submit')).toEqual([]);
  expect(alice.client.outbox.queuedCount).toBe(0);
}

/** A version of an account that its person never made. */
function falseRecord({ world }: Setting, name: string): KeyRecord {
  return { subject: world.node.address(name), version: 2, sha256: 'ee'.repeat(32) };
}

/** Bob's first version with mallory's keys in it, right in every other way: the home countersigned it. */
async function forgedBob({ world }: Setting): Promise<Uint8Array> {
  const { core, clock, suite } = world.node;
  const address = world.node.address('bob');
  const mallory = await createAccountSecrets({ random: world.random, suite }, { address, createdAt: clock.now() });
  const [first] = await core.accounts.chain(address, 0);
  const content = accountContentJson({
    ...parseAccountDocument(suite, first as Uint8Array),
    identity: mallory.identity.publicKey,
    certificates: [mallory.certificate],
  });
  return countersignDocument(suite, signDocument(suite, content, [mallory.identity]), core.folder.homeKey);
}

function isOf(documents: readonly Uint8Array[], address: string): boolean {
  return documents.some((document) => Buffer.from(document).includes(`"address":"${address}"`));
}
