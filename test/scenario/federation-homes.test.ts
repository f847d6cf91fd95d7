import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { Node, type NodeOptions } from '../../src/node/index.ts';
import { type Address, BodyState, FRAME_BYTES_MAX, From, ReceiptStatus } from '../../src/protocol/index.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { createPieces, getPiece, putPieces } from '../harness/pieces.ts';
import { until } from '../harness/until.ts';
import { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();
const clock = new SystemClock();
const random = new SystemRandom();
const deps = { clock, random, suite, log: SILENT_LOG };
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);

async function run(options: Partial<NodeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'restante-'));
  const node = await Node.open(deps, { folder, host: '127.0.0.1', port: 0, registration: 'open', ...options });
  return {
    node,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function signUp(node: Node, name: string): Promise<{ client: WireClient; person: Person }> {
  const person = createPerson(random, `${name}@${node.home}` as Address);
  const client = new WireClient(await dialer.dial(node.url, new AbortController().signal));
  await client.register(person);
  await client.authenticate(random, person.address, person.device);
  await client.send({
    oneofKind: 'clientInfo',
    clientInfo: {
      version: 1,
      from: From.BEGINNING,
      time: 0,
      ledger: [],
      client: 'test',
      request: 999,
      headersOnly: false,
      newestFirst: false,
    },
  });
  return { client, person };
}

describe('two homes', () => {
  test('a mail to somebody of another home is pushed to its reader there', async () => {
    await using a = await run();
    await using b = await run();
    const alice = await signUp(a.node, 'alice');
    const bob = await signUp(b.node, 'bob');
    const body = utf8('ciphertext');
    const pdu = writePdu(random, alice.person, [alice.person.address, bob.person.address], body);
    expect((await alice.client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    await until(() => (bob.client.entries.get(0)?.length ?? 0) + (bob.client.entries.get(999)?.length ?? 0) > 0);
    const entry = bob.client.entries.get(0)?.[0];
    expect(entry?.pdu).toEqual(pdu.header);
    expect(entry?.body).toEqual(body);
  });

  test('a large attachment comes with its mail, piece by piece from its author’s home, and stays with it', async () => {
    await using a = await run();
    await using b = await run();
    const alice = await signUp(a.node, 'alice');
    const bob = await signUp(b.node, 'bob');
    const carol = await signUp(b.node, 'carol');
    const pieces = createPieces(random, 3);
    await putPieces(alice.client, pieces);
    const body = utf8('ciphertext');
    const recipients = [alice.person.address, bob.person.address];
    const receipt = await alice.client.submit(
      writePdu(random, alice.person, recipients, body, 'mail', [pieces.attached]),
      body,
    );
    expect(receipt.status).toBe(ReceiptStatus.OK);
    await until(() => (bob.client.entries.get(0)?.length ?? 0) > 0);
    // Its author erases it, and it is gone there: the other home has its own.
    const numbers = [{ from: 1, to: 1 }];
    await until(() => (alice.client.entries.get(0)?.length ?? 0) > 0);
    await alice.client.ask((request) => ({
      oneofKind: 'erase',
      erase: { request, feed: receipt.feed, numbers, superseded: false },
    }));
    for (const [number, piece] of pieces.bodies.entries()) {
      const got = await getPiece(bob.client, pieces.list, number);
      expect(got.state).toBe(BodyState.INLINE);
      expect(Buffer.compare(got.body, piece)).toBe(0);
      expect(await getPiece(carol.client, pieces.list, number)).toMatchObject({ state: BodyState.NONE });
      expect(await getPiece(alice.client, pieces.list, number)).toMatchObject({ state: BodyState.NONE });
    }
  });
});
