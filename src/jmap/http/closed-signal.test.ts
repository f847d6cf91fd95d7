import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { closedSignal } from './closed-signal.ts';

async function setup() {
  const fastify = Fastify();
  const signals: AbortSignal[] = [];
  const sockets: Socket[] = [];
  let reached: () => void = () => undefined;
  fastify.server.on('connection', (socket) => sockets.push(socket));
  fastify.post('/answered', async (_, reply) => {
    signals.push(closedSignal(reply));
    return {};
  });
  fastify.post('/never', (_, reply) => {
    signals.push(closedSignal(reply));
    reached();
    return new Promise(() => undefined);
  });
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = (path: string) =>
    request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers: { 'content-type': 'application/json' } });
  return {
    ...{ signals, sockets, post },
    reached: new Promise<void>((resolve) => {
      reached = resolve;
    }),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await fastify.close();
    },
  };
}

describe('the signal of a request', () => {
  test('is quiet when it was answered, and leaves nothing at a connection that is used again', async () => {
    await using server = await setup();
    const counts = new Set<number>();
    for (let n = 0; n < 20; n++) {
      const asked = server.post('/answered').end('{}');
      const [answer] = await once(asked, 'response');
      await once(answer.resume(), 'close');
      counts.add(server.sockets[0]?.listenerCount('close') ?? -1);
    }
    expect(server.sockets).toHaveLength(1);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(3);
    expect(server.signals.filter(({ aborted }) => aborted)).toEqual([]);
  });

  test('says that the client has gone, also when all of its request has been read', async () => {
    await using server = await setup();
    const asked = server.post('/never').end('{}');
    asked.on('error', () => undefined); // it is cut here
    await server.reached;
    const [signal] = server.signals as [AbortSignal];
    const told = once(signal, 'abort');
    asked.destroy();
    await told;
    expect(signal.reason).toMatchObject({ name: 'AbortError' });
  });
});
