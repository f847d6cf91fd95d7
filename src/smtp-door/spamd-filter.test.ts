import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { FILTER_ANSWER_BYTES_MAX } from './limits.ts';
import { SpamdFilter } from './spamd-filter.ts';

const MESSAGE = utf8('Subject: a\r\n\r\nb\r\n');
const NEVER = new AbortController().signal;

/** A server that answers with these octets when all was said, or does with the connection what it is told. */
async function setup(answer: string | ((socket: Socket) => void)) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    let said = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece) => {
      said += piece.toString('latin1');
    });
    socket.on('end', () => {
      asked.push(said);
      if (typeof answer === 'string') socket.end(answer);
      else answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const filter = new SpamdFilter({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  return {
    asked,
    judge: (signal = NEVER) => filter.judge(MESSAGE, signal),
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

describe('the protocol of spamd', () => {
  test('asks with the whole message, and reads what is found', async () => {
    await using spamd = await setup('SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.2 / 5.0\r\n\r\n');
    expect(await spamd.judge()).toEqual({ isJunk: true, score: 15.2, threshold: 5 });
    expect(spamd.asked).toEqual(['CHECK SPAMC/1.5\r\nContent-length: 17\r\n\r\nSubject: a\r\n\r\nb\r\n']);
    await using other = await setup('SPAMD/1.1 0 EX_OK\r\nSpam: False ; -0.1 / 5.0\r\n\r\n');
    expect(await other.judge()).toEqual({ isJunk: false, score: -0.1, threshold: 5 });
  });

  test.each([
    ['nothing', ''],
    ['an error', 'SPAMD/1.1 76 Bad header line: (EOF during headers)\r\n'],
    ['something else', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['half an answer', 'SPAMD/1.1 0 EX_OK\r\nSpam: True'],
    ['no end', 'x'.repeat(FILTER_ANSWER_BYTES_MAX + 1)],
  ])('fails when it is answered with %s', async (_, answer) => {
    await using spamd = await setup(answer);
    await expect(spamd.judge()).rejects.toThrow(/spamd/);
  });

  test('fails when nobody is there, and ends when nobody waits', async () => {
    const gone = new SpamdFilter({ path: '/nowhere/spamd.sock' });
    await expect(gone.judge(MESSAGE, NEVER)).rejects.toThrow(/spamd/);
    const stop = new AbortController();
    const why = new Error('too late');
    await using spamd = await setup(() => stop.abort(why));
    await expect(spamd.judge(stop.signal)).rejects.toBe(why);
  });
});
