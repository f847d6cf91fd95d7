/**
 * What a home may try with the chains that say whose keys are whose, and the alarm that names it. Nothing is encrypted to a
 * key that the chain does not bear out, and nothing leaves the device.
 */
import { expect, test } from 'vitest';
import { toBase64 } from '../../src/base/index.ts';
import type { Created } from '../../src/client/index.ts';
import {
  accountContentJson,
  countersignDocument,
  type NodeMessage,
  parseAccountDocument,
  signDocument,
} from '../../src/protocol/index.ts';
import type { Store } from '../../src/store/index.ts';
import { type AccountSecrets, createAccountSecrets } from '../../src/vault/index.ts';
import { drive, homeKeyOf, type OpenedClient, openClient } from '../harness/cheat.ts';
import { ClientWorld, never, type Tamper } from '../harness/client-world.ts';

test('a certificate that the chain of an account does not confirm gets no mail', async () => {
  await using setup = await people();
  const { world, bob, mallory } = setup;
  // The node swaps bob's certificate for mallory's; bob's signature is not its own to make.
  world.tamper = changeChainOf(setup, 'bob', (documents) =>
    documents.map((bytes) => {
      const text = Buffer.from(bytes).toString();
      return Buffer.from(
        text.replace(toBase64(bob.created.profile.secrets.certificate), toBase64(mallory.certificate)),
      );
    }),
  );
  await refused(setup, 'bad_chain');
});

test('a certificate in another name gets no mail, though the home countersigned it', async () => {
  await using setup = await people();
  const { world, mallory } = setup;
  const homeKey = await homeKeyOf(world);
  world.tamper = changeChainOf(setup, 'bob', ([first]) => [
    countersignDocument(world.node.suite, forge(setup, first, { certificates: [mallory.certificate] }), homeKey),
  ]);
  await refused(setup, 'certificate_unconfirmed');
});

test('an account that its home did not admit gets no mail', async () => {
  await using setup = await people();
  setup.world.tamper = changeChainOf(setup, 'bob', ([first]) => [forge(setup, first)]);
  await refused(setup, 'bad_chain');
});

test('a chain that is rolled back gets no mail', async () => {
  await using setup = await correspondents();
  const { world } = setup;
  world.tamper = changeChainOf(setup, 'bob', (documents, after) => (after === 0 ? documents.slice(0, 1) : []));
  await refused(setup, 'chain_rolled_back');
});

test('a chain with another past gets no mail, though the account’s own key signed both', async () => {
  await using setup = await correspondents();
  const { world, bob } = setup;
  const { suite } = world.node;
  world.tamper = changeChainOf(setup, 'bob', (documents) =>
    documents.map((bytes) => {
      const document = parseAccountDocument(suite, bytes);
      const other = accountContentJson({ ...document, time: document.time + 1 });
      return signDocument(suite, other, [bob.created.profile.secrets.identity]);
    }),
  );
  await refused(setup, 'chain_forked');
});

test('mail goes again when the home shows the chain as it was', async () => {
  await using setup = await correspondents();
  const { world } = setup;
  world.tamper = changeChainOf(setup, 'bob', () => []);
  await refused(setup, 'chain_rolled_back');
  world.tamper = undefined;
  await delivered(setup);
});

test('a new device takes no account from a home that shows it another owner', async () => {
  await using setup = await people();
  const { world } = setup;
  const homeKey = await homeKeyOf(world);
  world.tamper = changeChainOf(setup, 'bob', ([first]) => [
    countersignDocument(world.node.suite, forge(setup, first), homeKey),
  ]);
  await expect(world.joinAccount('bob')).rejects.toMatchObject({ code: 'bad_account' });
});

interface Owner {
  readonly store: Store;
  readonly created: Created;
}

interface People extends AsyncDisposable {
  readonly world: ClientWorld;
  readonly alice: Owner;
  readonly bob: Owner;
  /** Keys that are nobody's here. */
  readonly mallory: AccountSecrets;
}

async function people(): Promise<People> {
  const world = await ClientWorld.open();
  const owner = (name: string): Promise<Owner> => world.createAccount(name);
  const [alice, bob] = [await owner('alice'), await owner('bob')];
  const { random, node } = world;
  const mallory = await createAccountSecrets(
    { random, suite: node.suite },
    { address: node.address('mallory'), createdAt: node.clock.now() },
  );
  return { world, alice, bob, mallory, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** Two versions of bob's chain are there, and alice has written to him by the second. */
async function correspondents(): Promise<People> {
  const setup = await people();
  await setup.world.joinAccount('bob');
  await delivered(setup);
  return setup;
}

/** Changes what the node answers about one account's chain. Who asked after which version is told along. */
function changeChainOf(
  { world }: People,
  name: string,
  change: (documents: readonly Uint8Array[], after: number) => readonly Uint8Array[],
): Tamper {
  const { suite } = world.node;
  return (message): NodeMessage => {
    if (message.oneofKind !== 'chain') return message;
    const { documents } = message.chain;
    const [first] = documents;
    if (first === undefined || !Buffer.from(first).includes(`"address":"${world.node.address(name)}"`)) return message;
    const after = parseAccountDocument(suite, first).version - 1;
    return { oneofKind: 'chain', chain: { ...message.chain, documents: [...change(documents, after)] } };
  };
}

/** An account's first version with mallory as its owner, signed by nobody else. */
function forge({ world, mallory }: People, first: Uint8Array | undefined, changes: object = {}): Uint8Array {
  const { suite } = world.node;
  const document = parseAccountDocument(suite, first as Uint8Array);
  const forged = { ...document, identity: mallory.identity.publicKey, ...changes };
  return signDocument(suite, accountContentJson(forged), [mallory.identity]);
}

/** Alice, just come back, writes to bob. */
async function writeToBob({ world, alice }: People, work: (client: OpenedClient) => Promise<void>): Promise<void> {
  const opened = await openClient(world, { store: alice.store, profile: alice.created.profile });
  try {
    await drive(world, opened.client.connect(never));
    await work(opened);
  } finally {
    await drive(world, opened.close());
  }
}

const DRAFT = { subject: 'for bob alone', text: 'a secret' };

async function refused(setup: People, alarm: string): Promise<void> {
  const { world } = setup;
  await writeToBob(setup, async ({ client, sent }) => {
    const sending = client.send({ ...DRAFT, to: [world.node.address('bob')] }, never);
    await expect(drive(world, sending)).rejects.toMatchObject({ code: 'standing_alarm', details: { alarm } });
    expect(client.alarms).toMatchObject([{ code: alarm, subject: world.node.address('bob') }]);
    expect(sent.filter(({ oneofKind }) => oneofKind === 'submit')).toEqual([]);
    expect(client.outbox.queuedCount).toBe(0);
  });
}

async function delivered(setup: People): Promise<void> {
  const { world } = setup;
  await writeToBob(setup, async ({ client, sent }) => {
    const { status } = await drive(world, client.send({ ...DRAFT, to: [world.node.address('bob')] }, never));
    expect(status).toBe('accepted');
    expect(sent.some(({ oneofKind }) => oneofKind === 'submit')).toBe(true);
    expect(client.alarms).toEqual([]);
  });
}
