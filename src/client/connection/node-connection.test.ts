import { describe, expect, test } from 'vitest';
import {
  createMemorySocketPair,
  type FrameSocket,
  ManualClock,
  NobleSuite,
  SeededSecureRandom,
  SILENT_LOG,
} from '../../base/index.ts';
import {
  type ClientMessage,
  decodeClientMessage,
  encodeNodeMessage,
  type NodeMessage,
  parseAddress,
  parseHomeName,
  ReceiptStatus,
} from '../../protocol/index.ts';
import { ConnectionError } from './connection-error.ts';
import { authenticate, type HandshakeDeps, openConnection } from './handshake.ts';
import type { NodeConnection } from './node-connection.ts';

const HOME = parseHomeName('home.example');
const never = new AbortController().signal;

/** The other end of the wire: what it sends is up to the test. */
class Peer {
  readonly socket: FrameSocket;
  readonly #frames: AsyncIterator<Uint8Array>;

  constructor(socket: FrameSocket) {
    this.socket = socket;
    this.#frames = socket.incoming[Symbol.asyncIterator]();
  }

  send(message: NodeMessage): Promise<void> {
    return this.socket.send(encodeNodeMessage(message));
  }

  async next(): Promise<ClientMessage> {
    const { done, value } = await this.#frames.next();
    if (done === true) throw new Error('the client hung up');
    return decodeClientMessage(value);
  }
}

function greeting(change: object = {}): NodeMessage {
  const limits = {
    bodyBytes: 2_097_152,
    headerBytes: 65_536,
    recipients: 500,
    inFlightSubmits: 2,
    heartbeatMs: 30_000,
  };
  const base = { version: 1, home: HOME, node: new Uint8Array(32).fill(7), nonce: new Uint8Array(32), serverTime: 0 };
  return {
    oneofKind: 'serverInfo',
    serverInfo: {
      ...base,
      limits,
      feeds: [],
      store: true,
      registration: 'open',
      deliveries: true,
      letterBytes: 0,
      largeLetterBytes: 0,
      ...change,
    },
  };
}

async function setup(first: NodeMessage = greeting()) {
  const clock = new ManualClock(1_000_000);
  const [ours, theirs] = createMemorySocketPair();
  const peer = new Peer(theirs);
  const deps: HandshakeDeps = {
    clock,
    log: SILENT_LOG,
    suite: new NobleSuite(),
    random: new SeededSecureRandom(1),
    dialer: { dial: async () => ours },
  };
  await peer.send(first);
  const open = (): Promise<NodeConnection> =>
    openConnection(deps, { url: 'ws://x', home: HOME, key: undefined }, never);
  return { clock, peer, deps, open };
}

describe('a connection', () => {
  test('is refused where it leads to another home, another node, another version, or no node at all', async () => {
    const wrong: readonly [NodeMessage, string][] = [
      [greeting({ home: 'evil.example' }), 'wrong_home'],
      [greeting({ version: 2 }), 'version'],
      [greeting({ node: new Uint8Array(3) }), 'malformed'],
      [{ oneofKind: 'pong', pong: { request: 1, serverTime: 0 } }, 'malformed'],
    ];
    for (const [first, code] of wrong) {
      const { open } = await setup(first);
      await expect(open()).rejects.toMatchObject({ code });
    }
    const { deps } = await setup();
    const other = { url: 'ws://x', home: HOME, key: new Uint8Array(32).fill(8) };
    await expect(openConnection(deps, other, never)).rejects.toMatchObject({ code: 'wrong_node' });
  });

  test('that greets nobody is given up', async () => {
    const clock = new ManualClock(0);
    const [ours] = createMemorySocketPair();
    const { deps } = await setup();
    const opening = openConnection(
      { ...deps, clock, dialer: { dial: async () => ours } },
      { url: 'ws://x', home: HOME, key: undefined },
      never,
    );
    const refused = expect(opening).rejects.toMatchObject({ code: 'timeout' });
    await clock.advance(20_000);
    await refused;
  });

  test('ends when the node does not prove its key', async () => {
    const { deps, open, peer } = await setup();
    await using connection = await open();
    const who = { address: parseAddress(`alice@${HOME}`), home: HOME, key: deps.suite.keyPair(new Uint8Array(32)) };
    const proving = expect(authenticate(deps, connection, who)).rejects.toMatchObject({ code: 'bad_welcome' });
    await peer.next();
    await peer.send({
      oneofKind: 'welcome',
      welcome: { signature: new Uint8Array(64), address: who.address, enrolment: false },
    });
    await proving;
    expect(connection.isOpen).toBe(false);
  });

  test('matches answers to requests in any order, and passes a refusal on with its code', async () => {
    const { open, peer } = await setup();
    await using connection = await open();
    const chain = (address: string) =>
      connection.request('chain', (request) => ({ oneofKind: 'getChain', getChain: { request, address, after: 0 } }));
    const answers = [chain('a'), chain('b')];
    const refused = expect(chain('c')).rejects.toMatchObject({
      code: 'refused',
      fix: 'wait',
      details: { refusal: 'rate_limited', retryAfterMs: 5 },
    });
    const numbers: number[] = [];
    for (let i = 0; i < 3; i++) {
      const message = await peer.next();
      if (message.oneofKind === 'getChain') numbers.push(message.getChain.request);
    }
    const [first, second, third] = numbers as [number, number, number];
    const refusal = { request: third, code: 'rate_limited', message: 'no', fix: 'wait', fatal: false, retryAfterMs: 5 };
    await peer.send({ oneofKind: 'refused', refused: refusal });
    await peer.send({ oneofKind: 'chain', chain: { request: second, documents: [Uint8Array.of(2)] } });
    await peer.send({ oneofKind: 'chain', chain: { request: first, documents: [Uint8Array.of(1)] } });
    await refused;
    expect((await Promise.all(answers)).map((answer) => answer.chain.documents[0]?.[0])).toEqual([1, 2]);
  });

  test('keeps to the window of submits', async () => {
    const { open, peer } = await setup();
    await using connection = await open();
    const receipts = [1, 2, 3].map((size) => connection.submit(new Uint8Array(size), undefined));
    const seen = [await peer.next(), await peer.next()];
    const sizes = seen.map((message) => (message.oneofKind === 'submit' ? message.submit.pdu.length : 0));
    expect(sizes).toEqual([1, 2]);
    const receipt = (request: number) => ({
      oneofKind: 'receipt' as const,
      receipt: {
        request,
        status: ReceiptStatus.OK,
        feed: new Uint8Array(32),
        index: 0,
        receivedAt: 0,
        detail: '',
        retryAfterMs: 0,
      },
    });
    // The third leaves only when a place is free.
    const [first] = seen;
    await peer.send(receipt(first?.oneofKind === 'submit' ? first.submit.request : 0));
    await receipts[0];
    const third = await peer.next();
    expect(third.oneofKind === 'submit' ? third.submit.pdu.length : 0).toBe(3);
    const [, second, last] = receipts.map((each) => each.catch((error: unknown) => error));
    peer.socket.terminate();
    for (const failure of [await second, await last]) expect(failure).toMatchObject({ code: 'closed' });
  });

  test('learns the node’s time from the middle of a round trip', async () => {
    const { clock, open, peer } = await setup();
    await using connection = await open();
    const pinging = connection.ping();
    const ping = await peer.next();
    await clock.advance(200);
    const request = ping.oneofKind === 'ping' ? ping.ping.request : 0;
    // The node's clock is an hour ahead, and was read 100 ms after the question left.
    await peer.send({ oneofKind: 'pong', pong: { request, serverTime: (1_000_000 + 3_600_000 + 100) * 1000 } });
    expect(await pinging).toBe(200);
    expect(connection.serverTimeOffsetMs).toBe(3_600_000);
  });

  test('that does not answer two heartbeats is dead', async () => {
    const { clock, open } = await setup();
    await using connection = await open();
    connection.startHeartbeat();
    await clock.advance(29_000);
    expect(connection.isOpen).toBe(true);
    await clock.advance(70_000);
    expect(await connection.ended).toMatchObject({ code: 'dead' });
  });

  test('fails a request that is not answered, and tells whoever judges the node', async () => {
    const { clock, open } = await setup();
    await using connection = await open();
    let failed = 0;
    connection.observe({ failed: () => failed++, answered: () => undefined });
    const asking = connection.request('chain', (request) => ({
      oneofKind: 'getChain',
      getChain: { request, address: '', after: 0 },
    }));
    const refused = expect(asking).rejects.toMatchObject({ code: 'timeout' });
    await clock.advance(25_000);
    await refused;
    expect(failed).toBe(1);
    expect(connection.isOpen).toBe(true);
  });

  test('reads no further while a page waits, unless its consumer waits for an answer itself', async () => {
    const { open, peer } = await setup();
    await using connection = await open();
    const pages: number[] = [];
    let release: () => void = () => undefined;
    const room = new Promise<void>((resolve) => {
      release = resolve;
    });
    connection.listen({
      entries: (page) => {
        pages.push(page.entries.length);
        return pages.length === 1 ? room : undefined;
      },
      heads: () => undefined,
    });
    const page: NodeMessage = { oneofKind: 'entries', entries: { request: 0, feed: new Uint8Array(32), entries: [] } };
    await peer.send(page);
    await peer.send(page);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(pages).toHaveLength(1);
    const asking = connection.request(
      'chain',
      (request) => ({ oneofKind: 'getChain', getChain: { request, address: '', after: 0 } }),
      { urgent: true },
    );
    const question = await peer.next();
    const request = question.oneofKind === 'getChain' ? question.getChain.request : 0;
    await peer.send({ oneofKind: 'chain', chain: { request, documents: [] } });
    await asking;
    expect(pages).toHaveLength(2);
    release();
  });

  test('ends with one typed error for all who wait, whatever bytes come', async () => {
    for (const bytes of [Uint8Array.of(0xff, 0xff), new Uint8Array(0), Uint8Array.of(0x0a, 0x05, 1)]) {
      const { open, peer } = await setup();
      await using connection = await open();
      const asking = expect(connection.ping()).rejects.toBeInstanceOf(ConnectionError);
      await peer.socket.send(bytes);
      await asking;
      expect(await connection.ended).toMatchObject({ code: 'malformed' });
    }
  });
});
