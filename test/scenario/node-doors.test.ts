import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { DialError, type FrameSocket, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { wkdHash } from '../../src/federation/index.ts';
import { Node, type NodeOptions, withOperator } from '../../src/node/index.ts';
import { type Address, FRAME_BYTES_MAX, parseHomeChain, ReceiptStatus } from '../../src/protocol/index.ts';
import { freePort } from '../harness/home-process.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();
const clock = new SystemClock();
const random = new SystemRandom();
const deps = { clock, random, suite, log: SILENT_LOG };
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);

interface Running extends AsyncDisposable {
  readonly node: Node;
  readonly folder: string;
}

async function run(options: Partial<NodeOptions> = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-'));
  const node = await Node.open(deps, { folder, host: '127.0.0.1', port: 0, registration: 'open', ...options });
  return {
    node,
    folder,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function connect(url: string): Promise<WireClient> {
  return new WireClient(await dialer.dial(url, new AbortController().signal));
}

async function signUp(node: Node, name: string): Promise<{ client: WireClient; person: Person }> {
  const person = createPerson(random, `${name}@${node.home}` as Address);
  const client = await connect(node.url);
  await client.register(person);
  await client.authenticate(random, person.address, person.device);
  return { client, person };
}

/** A WebSocket of somebody who says nothing that the protocol knows. */
async function openFlood(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  socket.write(
    'GET /client HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2l4dGVlbiBieXRlcyEhIQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 101 /);
  socket.resume();
  return socket;
}

/** The header of a masked binary frame of two megabytes, and the beginning of it. */
function begunFrame(bytes: number): Buffer {
  const frame = Buffer.alloc(14 + bytes);
  frame.writeUInt8(0x82, 0);
  frame.writeUInt8(0xff, 1);
  frame.writeBigUInt64BE(BigInt(2 * 1024 * 1024), 2);
  return frame;
}

/** As soon as the port answers, which may be long before the home is open. */
async function connectEarly(url: string): Promise<FrameSocket> {
  for (;;) {
    try {
      return await dialer.dial(url, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
    }
  }
}

describe('the doors of a node', () => {
  test('any OpenPGP program finds a person’s certificate by address, and nobody’s where there is none', async () => {
    await using running = await run();
    const { node } = running;
    const certificates = [utf8('a certificate'), utf8('another')];
    const person = createPerson(random, `alice@${node.home}` as Address, { certificates });
    const client = await connect(node.url);
    await client.register(person);
    client.close();
    const found = (name: string) =>
      fetch(`${node.httpUrl}/.well-known/openpgpkey/hu/${wkdHash(name)}?l=${encodeURIComponent(name)}`);
    expect(new Uint8Array(await (await found('alice')).arrayBuffer())).toEqual(certificates[0]);
    expect((await found('Alice')).status).toBe(200);
    expect((await found('bob')).status).toBe(404);
    expect((await fetch(`${node.httpUrl}/.well-known/openpgpkey/policy`)).status).toBe(200);
  });

  test('a home on a free port is named after it, publishes a chain that checks, is healthy and counts', async () => {
    await using running = await run();
    const { node } = running;
    expect(node.home).toBe(`localhost:${node.port}`);
    const published = (await (await fetch(`${node.httpUrl}/.well-known/restante`)).json()) as { documents: object[] };
    const chain = parseHomeChain(
      suite,
      published.documents.map((document) => utf8(JSON.stringify(document))),
    );
    expect(chain.at(-1)).toMatchObject({ home: node.home, registrar: 'a' });
    expect(chain.at(-1)?.nodes[0]?.urls).toEqual([node.url]);
    const publishedAfter = async (version: string) =>
      (await fetch(`${node.httpUrl}/.well-known/restante?after=${version}`)).json();
    expect(await publishedAfter(`${chain.length - 1}`)).toEqual({
      documents: published.documents.slice(-1),
      more: false,
    });
    expect(await publishedAfter(`${chain.length}`)).toEqual({ documents: [], more: false });
    expect(await publishedAfter('-1')).toEqual({ documents: published.documents, more: false });
    expect(await (await fetch(`${node.httpUrl}/healthz`)).json()).toEqual({ ok: true, problems: [] });
    const { client, person } = await signUp(node, 'bob');
    const body = utf8('x');
    expect((await client.submit(writePdu(random, person, [person.address], body), body)).status).toBe(ReceiptStatus.OK);
    const metrics = await (await fetch(`${node.httpUrl}/metrics`)).text();
    expect(metrics).toContain('restante_receipts_total{status="ok"} 1');
    expect(metrics).toContain('restante_connections 1');
    client.close();
  });

  test('whoever comes while it starts is served as soon as it has', async () => {
    const port = await freePort();
    const [early, running] = await Promise.all([connectEarly(`ws://127.0.0.1:${port}/client`), run({ port })]);
    await using _ = running;
    const client = new WireClient(early);
    expect((await client.serverInfo()).home).toBe(running.node.home);
    client.close();
  });

  test('whoever runs a hub beside it hears whose mailbox has new mail, and of nothing else', async () => {
    await using running = await run();
    const { node } = running;
    const heard: Address[][] = [];
    const listening = node.onMail((accounts) => heard.push([...accounts]));
    const { client, person } = await signUp(node, 'bob');
    expect(heard).toEqual([]); // an account is no mail
    const send = async (text: string): Promise<void> => {
      const body = utf8(text);
      const pdu = writePdu(random, person, [person.address], body);
      expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    };
    await send('x');
    expect(heard).toEqual([[person.address]]);
    listening[Symbol.dispose]();
    await send('y');
    expect(heard).toHaveLength(1);
    client.close();
  });

  test('an oversize frame is refused at its header, before it is read', async () => {
    await using running = await run();
    const socket = new WebSocket(running.node.url, { perMessageDeflate: false });
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('message', resolve));
    socket.send(new Uint8Array(FRAME_BYTES_MAX + 1));
    socket.on('error', () => {});
    expect(await closed).toBe(1009);
  });

  test('those who have not authenticated hold so much together: the one with the most is cut, a person signs in', async () => {
    await using running = await run({ limits: { strangerBytes: 1024 * 1024 } });
    const { client } = await signUp(running.node, 'bob');
    // Frames that are begun and never ended: 300 KiB each, of which three fit.
    const floods = await Promise.all(Array.from({ length: 8 }, () => openFlood(running.node.port)));
    let cut = 0;
    await new Promise<void>((resolve) => {
      for (const socket of floods)
        socket.once('close', () => {
          cut += 1;
          if (cut === 5) resolve();
        });
      for (const socket of floods) socket.write(begunFrame(300 * 1024));
    });
    const { client: carol } = await signUp(running.node, 'carol');
    expect((await client.serverInfo()).home).toBe(running.node.home);
    const metrics = await (await fetch(`${running.node.httpUrl}/metrics`)).text();
    expect(metrics).toContain('restante_refused_total{code="strangers_full"} 5');
    for (const each of [client, carol]) each.close();
    for (const socket of floods) socket.destroy();
  });

  test('connects beyond the accept rate wait their turn or get a 503, and whoever is in is served', async () => {
    await using running = await run({ limits: { acceptBurst: 3, acceptIntervalMs: 100, acceptQueue: 3 } });
    const { client, person } = await signUp(running.node, 'bob');
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => connect(running.node.url)));
    const refused = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(refused.length).toBeGreaterThan(10);
    expect(attempts.length - refused.length).toBeGreaterThan(2);
    const body = utf8('x');
    expect((await client.submit(writePdu(random, person, [person.address], body), body)).status).toBe(ReceiptStatus.OK);
    client.close();
    for (const attempt of attempts) if (attempt.status === 'fulfilled') attempt.value.close();
  });

  test('half-open sockets and strangers to the protocol hold nobody up', async () => {
    await using running = await run();
    const port = running.node.port;
    const halfOpen = Array.from({ length: 50 }, () => connectTcp(port, '127.0.0.1'));
    const babble = connectTcp(port, '127.0.0.1');
    babble.on('error', () => {});
    babble.write('\x00\x01not http at all\r\n\r\n');
    const { client } = await signUp(running.node, 'bob');
    expect((await client.serverInfo()).home).toBe(running.node.home);
    client.close();
    for (const socket of [...halfOpen, babble]) socket.destroy();
  });

  test('the operator reaches a running node by its control socket, and its folder when none runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'restante-'));
    try {
      const node = await Node.open(deps, { folder, host: '127.0.0.1', port: 0, registration: 'invite' });
      const invite = await withOperator(deps, folder, (operator) => operator.invite());
      const person = createPerson(random, `bob@${node.home}` as Address);
      const client = await connect(node.url);
      expect((await client.register(person, invite)).oneofKind).toBe('chain');
      client.close();
      const running = await withOperator(deps, folder, (operator) => operator.accounts());
      await expect(
        withOperator(deps, folder, (operator) => operator.setQuota('nobody@x.example', 5)),
      ).rejects.toMatchObject({
        code: 'unknown_account',
      });
      await node[Symbol.asyncDispose]();
      const stopped = await withOperator(deps, folder, (operator) => operator.accounts());
      expect(stopped).toEqual(running);
      expect(stopped.map(({ address }) => address)).toEqual([person.address]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('a fatal refusal reaches its reader over a real socket before it closes', async () => {
    await using running = await run();
    const { person } = await signUp(running.node, 'bob');
    const stranger = createPerson(random, person.address);
    const client = await connect(running.node.url);
    const answer = await client.authenticate(random, person.address, stranger.device);
    expect(answer).toMatchObject({ oneofKind: 'refused', refused: { code: 'auth_failed', fatal: true } });
    expect((await client.socket.closed).code).toBe(4000);
  });

  test('a port in use is a typed error, and a folder of another home is refused', async () => {
    await using running = await run();
    await expect(run({ port: running.node.port })).rejects.toMatchObject({ code: 'port_in_use' });
    await running.node[Symbol.asyncDispose]();
    const wrong = Node.open(deps, {
      folder: running.folder,
      home: 'other.example' as Node['home'],
      host: '127.0.0.1',
      port: 0,
      registration: 'open',
    });
    await expect(wrong).rejects.toMatchObject({ code: 'wrong_home' });
  });
});
