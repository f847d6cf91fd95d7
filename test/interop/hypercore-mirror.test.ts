/** npm's hypercore 7 copies what a node writes, as a mirror that the operator named; nobody else does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import { SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { Node } from '../../src/node/index.ts';
import { type Address, FRAME_BYTES_MAX, ReceiptStatus } from '../../src/protocol/index.ts';
import { hasCompilers, INSTALL_TIMEOUT_MS } from '../harness/npm-package.ts';
import { NpmPeer } from '../harness/npm-peer.ts';
import { createPerson, writePdu } from '../harness/person.ts';
import { skipWithout } from '../harness/requirement.ts';
import { until } from '../harness/until.ts';
import { WireClient } from '../harness/wire-client.ts';

const LACK = 'there is no autoconf, automake and libtool to build what npm hypercore 7 needs';
const clock = new SystemClock();
const random = new SystemRandom();
const deps = { clock, random, suite: new SodiumSuite(), log: SILENT_LOG };

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'restante-mirror-'));
  const node = await Node.open(deps, { folder, host: '127.0.0.1', port: 0, registration: 'open' });
  const peer = await NpmPeer.open();
  const person = createPerson(random, `writer@${node.home}` as Address);
  const dialer = new WsDialer(
    { clock, resolver: new SystemResolver() },
    { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
  );
  const client = new WireClient(await dialer.dial(node.url, new AbortController().signal));
  await client.register(person);
  const ways: Server[] = [];
  await client.authenticate(random, person.address, person.device);
  return {
    node,
    peer,
    async write(text: string): Promise<void> {
      const body = utf8(text);
      const receipt = await client.submit(writePdu(random, person, [person.address], body), body);
      expect(receipt.status).toBe(ReceiptStatus.OK);
    },
    /** A port whose connections go on to the node by WebSocket, as a mirror's own program would put it. */
    async wayOf(token: string): Promise<number> {
      const server = createServer((near) => {
        const headers = { authorization: `Bearer ${token}` };
        const far = createWebSocketStream(new WebSocket(node.url.replace(/client$/, 'fleet'), { headers }));
        near.on('error', () => far.destroy()).on('close', () => far.destroy());
        far.on('error', () => near.destroy()).on('close', () => near.destroy());
        near.pipe(far).pipe(near);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      ways.push(server);
      return (server.address() as AddressInfo).port;
    },
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      for (const way of ways) way.close();
      client.close();
      await node[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** How an upgrade at /fleet is answered that shows this header. */
function statusOf(node: Node, headers: Record<string, string>): Promise<number | 'open'> {
  const socket = new WebSocket(node.url.replace(/client$/, 'fleet'), { headers });
  return new Promise((resolve) => {
    socket.once('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    socket.once('error', () => undefined);
    socket.once('open', () => {
      resolve('open');
      socket.terminate();
    });
  });
}

// Its libsodium is compiled where it is installed; without compilers the line says so, and with CI=true it fails.
describe.skipIf(skipWithout(hasCompilers(), { test: 'a mirror by npm hypercore', lack: LACK }))('a mirror', () => {
  beforeAll(() => NpmPeer.install(), 2 * INSTALL_TIMEOUT_MS);

  test('copies what the node writes, verified, and its live tail, until it is removed; nobody else does', async () => {
    await using world = await setup();
    const { node, peer } = world;
    const { current } = node.core.feeds;
    for (let i = 0; i < 50; i++) await world.write(`mail ${i}`);
    const { key, token } = await node.operator.addMirror('archive');
    await peer.tell({ do: 'make', name: 'copy', key });
    await peer.tell({ do: 'connect', names: ['copy'], live: true, port: await world.wayOf(token) });
    await peer.tell({ do: 'update', name: 'copy', length: current.length });
    await peer.tell({ do: 'download', name: 'copy', from: 0, to: current.length });
    const bodies = Array.from({ length: 50 }, (_, i) => current.length - 100 + 2 * i + 1);
    const { blocks } = await peer.tell<{ blocks: string[] }>({ do: 'get', name: 'copy', indexes: bodies });
    const texts = blocks.map((block) => Buffer.from(block, 'base64').toString('utf8'));
    expect(texts).toEqual(Array.from({ length: 50 }, (_, i) => `mail ${i}`));
    await world.write('the tail');
    await peer.tell({ do: 'update', name: 'copy', length: current.length });

    const [name = '', secret = ''] = token.split('.');
    const wrong = [
      `Bearer ${name}.${'0'.repeat(secret.length)}`,
      `Bearer other.${secret}`,
      `Basic ${token}`,
      'Bearer x',
    ];
    for (const authorization of wrong) expect(await statusOf(node, { authorization })).toBe(404);
    expect(await statusOf(node, { authorization: `Bearer ${token}` })).toBe('open');
    await node.operator.removeMirror('archive');
    expect(await statusOf(node, { authorization: `Bearer ${token}` })).toBe(404);
    await until(() => (node.core.fleet.shared.status?.peers.length ?? 0) === 0);
  });
});
