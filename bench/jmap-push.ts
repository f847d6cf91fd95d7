/** How long it takes from a new mail in the store to those who listen over HTTP, alone and among a thousand. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import Fastify from 'fastify';
import { WebSocket } from 'ws';
import { SILENT_LOG } from '../src/base/index.ts';
import { type Caller, type Jmap, type MailStore, mountJmap } from '../src/jmap/index.ts';

const ROUNDS = 100;
/** With the one that is measured, as many as a hub lets in. */
const OTHERS = 998;

export async function pushLatency(
  jmap: Jmap,
  store: MailStore,
  caller: Caller,
  deliver: (index: number) => void,
): Promise<Record<string, number>> {
  const fastify = Fastify();
  await mountJmap(fastify, { jmap, log: SILENT_LOG, callerOf: () => caller }, '/jmap');
  fastify.server.on('upgrade', (asked, socket, head) => jmap.webSocket(asked, socket, head, caller));
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  let index = 0;
  const measure = async (heard: (state: () => string) => Promise<void>): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      let state = '';
      const done = heard(() => state);
      const start = performance.now();
      deliver(index++);
      state = store.accounts()[0]?.state('Email') ?? '';
      await done;
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
  };
  const source = await listen(port);
  const eventSourcePushMsP50 = await measure((state) => until(source, state));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/jmap/ws`, 'jmap');
  await once(socket, 'open');
  // What it has missed comes at once: then it listens.
  socket.send(JSON.stringify({ '@type': 'WebSocketPushEnable', dataTypes: ['Email'], pushState: 'none' }));
  await once(socket, 'message');
  const webSocketPushMsP50 = await measure(
    (state) =>
      new Promise((resolve) => {
        socket.on('message', function look(bytes) {
          if (!String(bytes).includes(state())) return;
          socket.off('message', look);
          resolve();
        });
      }),
  );
  const others = await Promise.all(Array.from({ length: OTHERS }, () => listen(port)));
  for (const other of others) other.resume();
  const crowdedPushMsP50 = await measure((state) => until(source, state));
  socket.terminate();
  for (const one of [source, ...others]) one.destroy();
  await fastify.close();
  return { listeners: OTHERS + 1, eventSourcePushMsP50, webSocketPushMsP50, crowdedPushMsP50 };
}

async function listen(port: number): Promise<IncomingMessage> {
  const asked = request(`http://127.0.0.1:${port}/jmap/eventsource?types=Email&closeafter=no&ping=0`).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined); // it is cut at the end
  return answer;
}

function until(source: IncomingMessage, state: () => string): Promise<void> {
  return new Promise((resolve) => {
    source.on('data', function look(bytes: Buffer) {
      if (!bytes.toString().includes(state())) return;
      source.off('data', look);
      resolve();
    });
  });
}
