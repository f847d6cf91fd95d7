/** A home that lost its history and began anew under its name: refused until an operator decides otherwise. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Clock, type Log, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { Node } from '../../src/node/index.ts';
import { type Address, FRAME_BYTES_MAX, ReceiptStatus } from '../../src/protocol/index.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { until } from '../harness/until.ts';
import { WireClient } from '../harness/wire-client.ts';

const system = new SystemClock();
let aheadMs = 0;
/** The system's, and what it was put forward: a home is not asked for its document twice in a minute. */
const clock: Clock = {
  now: () => system.now() + aheadMs,
  monotonic: () => system.monotonic() + aheadMs,
  sleep: (ms, signal) => system.sleep(ms, signal),
};
const random = new SystemRandom();
const suite = new SodiumSuite();
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);

interface Home extends AsyncDisposable {
  readonly node: Node;
  readonly said: string[];
}

async function openHome(port = 0): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-'));
  const said: string[] = [];
  const hear = (fields: object, message: string): void => void said.push((fields as { code?: string }).code ?? message);
  const log: Log = { ...SILENT_LOG, error: hear, warn: hear };
  const node = await Node.open(
    { clock, random, suite, log },
    { folder, host: '127.0.0.1', port, registration: 'open' },
  );
  return {
    node,
    said,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function signUp({ node }: Home, name: string): Promise<{ client: WireClient; person: Person; got: Address[] }> {
  const person = createPerson(random, `${name}@${node.home}` as Address);
  const client = new WireClient(await dialer.dial(node.url, new AbortController().signal));
  await client.register(person);
  await client.authenticate(random, person.address, person.device);
  const got: Address[] = [];
  client.onEntries = (_request, entries) => {
    for (const { pdu } of entries) got.push((JSON.parse(new TextDecoder().decode(pdu)) as { author: Address }).author);
  };
  await client.follow();
  return { client, person, got };
}

async function write(from: { client: WireClient; person: Person }, to: Person): Promise<void> {
  const body = utf8('ciphertext');
  const receipt = await from.client.submit(writePdu(random, from.person, [to.address], body), body);
  expect(receipt.status).toBe(ReceiptStatus.OK);
}

test('a home that began anew is refused, and heard again once it is forgotten, with its people', async () => {
  await using a = await openHome();
  const alice = await signUp(a, 'alice');
  const lost = await openHome();
  const { home } = lost.node;
  const port = Number(new URL(lost.node.url).port);
  const old = await signUp(lost, 'bob');
  await write(old, alice.person);
  await until(() => alice.got.length === 1);
  old.client.close();
  await lost[Symbol.asyncDispose]();

  await using anew = await openHome(port);
  expect(anew.node.home).toBe(home);
  aheadMs += 61_000;
  const bob = await signUp(anew, 'bob');
  await write(bob, alice.person);
  await until(() => a.said.includes('home_forked'));
  expect(await anew.node.operator.federationStatus(a.node.home)).toMatchObject([{ queued: 1 }]);
  expect(alice.got.length).toBe(1);

  await a.node.operator.federationForget(home);
  expect(a.said).toContain('the operator forgets a home: what it shows next is believed');
  await anew.node.operator.federationRetry(undefined);
  await until(() => alice.got.length === 2);
  // And the other way, to a person whose chain is another than the one before.
  await write(alice, bob.person);
  await until(() => bob.got.length > 0);
  for (const { client } of [alice, bob]) client.close();
}, 60_000);

test('the home itself is not forgotten, nor what is no home', async () => {
  await using a = await openHome();
  await expect(a.node.operator.federationForget(a.node.home)).rejects.toMatchObject({ code: 'bad_value' });
  await expect(a.node.operator.federationForget('no home')).rejects.toMatchObject({ code: 'malformed' });
});
