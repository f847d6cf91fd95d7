/** Real nodes that follow each other's key logs, and find out which of them shows two. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type Log, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { Node } from '../../src/node/index.ts';
import {
  type Address,
  FRAME_BYTES_MAX,
  type HomeName,
  type KeyLogPage,
  ReceiptStatus,
  readKeyRecord,
} from '../../src/protocol/index.ts';
import { copyKeyLog, showKeyLog } from '../harness/cheating-key-log.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { until } from '../harness/until.ts';
import { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();
const clock = new SystemClock();
const random = new SystemRandom();
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);

interface Home extends AsyncDisposable {
  readonly node: Node;
  readonly errors: string[];
}

async function openHome(): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-'));
  const errors: string[] = [];
  const log: Log = { ...SILENT_LOG, error: (_fields, message) => void errors.push(message) };
  const node = await Node.open(
    { clock, random, suite, log },
    { folder, host: '127.0.0.1', port: 0, registration: 'open' },
  );
  return {
    node,
    errors,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function signUp({ node }: Home, name: string): Promise<{ client: WireClient; person: Person }> {
  const person = createPerson(random, `${name}@${node.home}` as Address);
  const client = new WireClient(await dialer.dial(node.url, new AbortController().signal));
  await client.register(person);
  await client.authenticate(random, person.address, person.device);
  return { client, person };
}

async function pageOf(client: WireClient, home: HomeName, after = 0): Promise<KeyLogPage> {
  const answer = await client.ask((request) => ({ oneofKind: 'getKeyLog', getKeyLog: { request, home, after } }));
  if (answer.oneofKind !== 'keyLog' || answer.keyLog.page === undefined) throw new Error(JSON.stringify(answer));
  return answer.keyLog.page;
}

/** A mail, after which the home of its author speaks with that of its reader. */
async function writeTo(client: WireClient, author: Person, reader: Person): Promise<void> {
  const body = utf8('ciphertext');
  const pdu = writePdu(random, author, [author.address, reader.address], body);
  expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
}

test('a person’s client follows the key log of another home through its own', async () => {
  await using a = await openHome();
  await using b = await openHome();
  const alice = await signUp(a, 'alice');
  const bob = await signUp(b, 'bob');
  const page = await pageOf(alice.client, b.node.home);
  expect(page.keyLog).toEqual(b.node.core.keyLog.publicKey);
  const subjects = page.blocks.map((block) => readKeyRecord(block, b.node.home)?.subject);
  expect(subjects).toEqual([b.node.home, bob.person.address]);
  expect(page.root).toEqual(await b.node.core.keyLog.root());
  // A version that is seen is logged, although the log was asked for a moment ago.
  const carol = await signUp(b, 'carol');
  const { address } = carol.person;
  await alice.client.ask((request) => ({ oneofKind: 'getChain', getChain: { request, address, after: 0 } }));
  const next = await pageOf(alice.client, b.node.home, page.blocks.length);
  expect(next.blocks.map((block) => readKeyRecord(block, b.node.home)?.subject)).toEqual([address]);
  alice.client.close();
});

test('a home that shows two key logs is found out by the homes it shows them to', async () => {
  await using a = await openHome();
  await using b = await openHome();
  await using c = await openHome();
  const alice = await signUp(a, 'alice');
  const bob = await signUp(b, 'bob');
  const carol = await signUp(c, 'carol');
  await writeTo(bob.client, bob.person, alice.person);
  // Alice's home is shown one history, Bob's another of the same length.
  const one = await copyKeyLog(suite, c.node.core);
  const other = one.fork(1).log({ subject: carol.person.address, version: 1, sha256: 'ee'.repeat(32) });
  const shown = showKeyLog(c.node.core, one);
  expect((await pageOf(alice.client, c.node.home)).root).toEqual(one.root(2));
  shown.mockRestore();
  showKeyLog(c.node.core, other);
  expect((await pageOf(bob.client, c.node.home)).root).toEqual(other.root(2));
  await until(() => a.errors.length > 0);
  expect(a.errors).toEqual(['the key log of a home is forked: it shows different keys to different people']);
  expect(await a.node.operator.keyLogs()).toMatchObject([{ home: c.node.home, length: 2, problem: 'forked' }]);
  // Alice's devices get the proof with every page, also after a restart of her home.
  expect((await pageOf(alice.client, c.node.home)).disputed).toEqual([other.root(2)]);
  for (const { client } of [alice, bob, carol]) client.close();
  vi.restoreAllMocks();
});

test('a home that takes back what it logged is found out by the homes that followed it', async () => {
  await using a = await openHome();
  await using c = await openHome();
  const alice = await signUp(a, 'alice');
  const carol = await signUp(c, 'carol');
  const log = await copyKeyLog(suite, c.node.core);
  const length = log.blocks.length;
  const shown = showKeyLog(
    c.node.core,
    log.log({ subject: carol.person.address, version: 2, sha256: 'ee'.repeat(32) }),
  );
  await pageOf(alice.client, c.node.home);
  shown.mockRestore();
  const dave = await signUp(c, 'dave');
  const { address } = dave.person;
  await alice.client.ask((request) => ({ oneofKind: 'getChain', getChain: { request, address, after: 0 } }));
  const page = await pageOf(alice.client, c.node.home, length + 1);
  expect(page.disputed).toEqual([await c.node.core.keyLog.root()]);
  expect(await a.node.operator.keyLogs()).toMatchObject([{ home: c.node.home, problem: 'forked' }]);
  for (const { client } of [alice, carol, dave]) client.close();
});
