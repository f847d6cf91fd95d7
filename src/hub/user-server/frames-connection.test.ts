import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { CALLER, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { fromUtf8, SILENT_LOG, utf8 } from '../../base/index.ts';
import type { Json } from '../../protocol/index.ts';
import { encodeFrame, FrameReader } from '../framing.ts';
import { HubError } from '../hub-error.ts';
import { FramesConnection } from './frames-connection.ts';
import { FRAME_BYTES_MAX } from './limits.ts';
import type { NamedBlob } from './ticket-asker.ts';

type Answer = { readonly id?: number; readonly error?: { readonly code: string }; readonly response?: object };

const frame = (message: unknown): Uint8Array => encodeFrame(utf8(JSON.stringify(message)));
const echo = (id: number, text = 'x') => ({
  id,
  request: { using: ['urn:ietf:params:jmap:core'], methodCalls: [['Core/echo', { text }, '0']] },
});

/** A user server's end of real sockets, and the programs at the other. */
async function setup() {
  const account = await TestAccount.open();
  const connections: FramesConnection[] = [];
  const ticket = async ({ blobId }: NamedBlob): Promise<Json> => {
    if (blobId !== 'large') throw new HubError('absent', 'no blob of its own has that id');
    return { ticket: 'T', size: 7 };
  };
  const server = createServer((stream) => {
    connections.push(new FramesConnection({ ...account, log: SILENT_LOG, stream, ticket }, CALLER));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  return {
    program: () => new Program(connect(port, '127.0.0.1')),
    async [Symbol.asyncDispose]() {
      for (const connection of connections) await connection[Symbol.asyncDispose]();
      await new Promise((resolve) => server.close(resolve));
      await account.jmap[Symbol.asyncDispose]();
    },
  };
}

class Program {
  readonly #socket: Socket;
  readonly answers: Answer[] = [];
  readonly ended: Promise<void>;
  #heard: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader(FRAME_BYTES_MAX);
    socket.on('error', () => undefined); // a cut is an answer
    socket.on('data', (chunk: Uint8Array) => {
      this.answers.push(...reader.push(chunk).map((bytes) => JSON.parse(fromUtf8(bytes)) as Answer));
      this.#heard();
    });
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  send(...bytes: readonly Uint8Array[]): void {
    for (const each of bytes) this.#socket.write(each);
  }

  async until(count: number): Promise<readonly Answer[]> {
    while (this.answers.length < count)
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    return this.answers;
  }
}

describe('a connection of frames', () => {
  for (const [what, bytes, code] of [
    ['no JSON', encodeFrame(Uint8Array.of(255, 254, 0)), 'malformed'],
    ['an empty frame', encodeFrame(), 'malformed'],
    ['JSON that is no object', frame([1]), 'malformed'],
    ['null', frame(null), 'malformed'],
    ['a request without an id', frame({ request: {} }), 'malformed'],
    ['an id that is an object', frame({ id: {}, request: {} }), 'malformed'],
    ['a request and a ticket', frame({ id: 1, request: {}, ticket: { accountId: 'a', blobId: 'large' } }), 'malformed'],
    ['a ticket for a path', frame({ id: 1, ticket: { path: '/etc/passwd' } }), 'malformed'],
    ['a nest of a hundred thousand', encodeFrame(utf8(`{"id":1,"request":${'['.repeat(100_000)}`)), 'malformed'],
    ['a length beyond every limit', Uint8Array.of(255, 255, 255, 255), 'too_large'],
    ['the beginning of HTTP', utf8('GET / HTTP/1.1\r\n\r\n'), 'too_large'],
  ] as const)
    test(`answers this by its name, ends, reads nothing behind it, and serves others: ${what}`, async () => {
      await using setting = await setup();
      const [hostile, other] = [setting.program(), setting.program()];
      hostile.send(bytes, frame(echo(2)));
      await hostile.ended;
      expect(hostile.answers).toEqual([{ error: { code, message: expect.any(String) } }]);
      other.send(frame(echo(1)));
      expect(await other.until(1)).toMatchObject([{ id: 1, response: { methodResponses: [['Core/echo', {}, '0']] } }]);
    });

  test('answers with a ticket for a blob, and says of which there is none', async () => {
    await using setting = await setup();
    const program = setting.program();
    program.send(
      ...['large', 'small'].map((blobId, id) => frame({ id, ticket: { accountId: 'a', blobId } })),
      frame(echo(2)),
    );
    const answers = [...(await program.until(3))].sort((a, b) => Number(a.id) - Number(b.id));
    expect(answers).toMatchObject([
      { id: 0, ticket: { ticket: 'T', size: 7 } },
      { id: 1, error: { code: 'absent' } },
      { id: 2, response: {} },
    ]);
  });

  test('answers what is no request of JMAP by its id, and goes on', async () => {
    await using setting = await setup();
    const program = setting.program();
    const strange = [
      null,
      7,
      'x',
      [],
      {},
      { using: ['urn:nobody'], methodCalls: [] },
      { using: [], methodCalls: [[1]] },
    ];
    program.send(...strange.map((request, id) => frame({ id, request })), frame(echo(99)));
    const answers = [...(await program.until(strange.length + 1))].sort((a, b) => Number(a.id) - Number(b.id));
    for (const answer of answers.slice(0, -1)) expect(answer.error?.code).toMatch(/^\w+$/);
    expect(answers.at(-1)).toMatchObject({ id: 99, response: {} });
  });

  test('takes a frame byte for byte, beside others that come whole', async () => {
    await using setting = await setup();
    const [slow, quick] = [setting.program(), setting.program()];
    const bytes = frame(echo(1, 'y'.repeat(3_000)));
    for (let at = 0; at < bytes.length; at++) slow.send(bytes.subarray(at, at + 1));
    quick.send(frame(echo(2)));
    expect(await quick.until(1)).toMatchObject([{ id: 2 }]);
    expect(await slow.until(1)).toMatchObject([{ id: 1, response: {} }]);
  });

  test('answers each of a flood of requests, or says that it is too many', async () => {
    await using setting = await setup();
    const program = setting.program();
    const flood = Array.from({ length: 500 }, (_, id) => frame(echo(id)));
    program.send(Buffer.concat(flood));
    const answers = await program.until(flood.length);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(flood.length);
    for (const { error, response } of answers) expect(response ?? error).toBeDefined();
  });
});
