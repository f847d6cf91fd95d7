/**
 * A small user server for tests of the control server: real in everything that the two say to each other (launch, bus,
 * secrets, HTTP, frames), with one list of notes for a mailbox. The password of everybody at `home.example` is `PASSWORD`.
 * What the tests make it do is in `mischief`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fromBase64, fromUtf8, toBase64 } from '../../dist/base/index.js';
import { SodiumSuite, SystemClock, SystemRandom } from '../../dist/base/system/index.js';
import { IpcBus } from '../../dist/hub/bus/ipc/ipc-bus.js';
import { signEnvelope } from '../../dist/hub/component/bus-message.js';
import { Component } from '../../dist/hub/component/component.js';
import { checkFence } from '../../dist/hub/component/fence.js';
import { createComponentKeys } from '../../dist/hub/component/keys.js';
import { LAUNCH_DESCRIPTOR, parseLaunch } from '../../dist/hub/component/launch.js';
import { openSealed, sealTo } from '../../dist/hub/component/sealing.js';
import { BusSecrets } from '../../dist/hub/component/secrets.js';
import { HUB_KEY_PURPOSE, JOIN_PURPOSE } from '../../dist/hub/component/user-server-protocol.js';
import { encodeFrame, FrameReader, HubError } from '../../dist/hub-client/index.js';

const PASSWORD = 'correct horse';
const [clock, suite, random] = [new SystemClock(), new SodiumSuite(), new SystemRandom()];
const log = { debug() {}, info() {}, warn() {}, error() {} };
const message = readFileSync(LAUNCH_DESCRIPTOR);
if (message.length === 0) process.exit(0);
const launch = parseLaunch(suite, message);
const bus = await IpcBus.connect({ clock, log }, launch.busPath);
const component = await Component.open({ clock, suite, log, bus }, { instance: launch.instance, keys: launch.keys });
component.correspondence.meet(launch.control);
const secrets = new BusSecrets(component, launch.keys.sealing, launch.control.instance);
const notesFile = join(launch.folder, 'notes.json');
const watchers = new Set();
let hubKey;

if (launch.user.startsWith('broken')) process.exit(7);

component.handle('session.open', async (_, { session, user }, signal) => {
  hubKey ??= await secrets.ask('hub-key', { user, session, signal });
  return {};
});
component.handle('session.join', async ({ password }) => {
  const given = fromUtf8(openSealed(launch.keys.sealing, JOIN_PURPOSE, fromBase64(password)));
  if (given !== PASSWORD || launch.user.startsWith('nobody')) throw new HubError('refused', 'the home says no');
  const key = suite.blake2b(new TextEncoder().encode(launch.user));
  return { hubKey: toBase64(sealTo(random, launch.control.keys.sealing, HUB_KEY_PURPOSE, key)) };
});
component.handle('stop', async () => {
  setImmediate(() => process.exit(0));
  return {};
});
component.hear('wake', ({ reason }) => call(['add', `woken by ${reason}`]));
component.lost.addEventListener('abort', () => process.exit(3));

function notes() {
  try {
    return JSON.parse(readFileSync(notesFile, 'utf8'));
  } catch {
    return [];
  }
}

/** Says on the bus what it must not: each is refused for a reason of its own. */
async function forge() {
  const { instance: to } = launch.control;
  const say = async (keys, envelope) => {
    const content = { type: 'request', id: 1, kind: 'secret', body: { name: 'hub-key' } };
    const message = signEnvelope(suite, keys, {
      from: launch.instance,
      to,
      number: 1_000,
      user: launch.user,
      content,
      ...envelope,
    });
    await bus.send(to, message);
    return message;
  };
  const event = { type: 'event', kind: 'nothing', body: {} };
  await say(createComponentKeys(suite, random), {});
  await say(launch.keys, { user: 'bob@home.example' });
  await say(launch.keys, { from: '0'.repeat(32) });
  await bus.send(to, await say(launch.keys, { content: event }));
  await bus.send(to, new Uint8Array(100));
}

const mischief = {
  forge: () => void forge(),
  crash: () => process.exit(9),
  loop: () => {
    for (;;);
  },
  eat: () => {
    const eaten = [];
    const bite = () => {
      eaten.push(Buffer.alloc(20_000_000, 1));
      setTimeout(bite, 5);
    };
    bite();
  },
};

/** One call: `[name, argument]`. */
function call([name, argument]) {
  if (hubKey === undefined) throw new HubError('locked', 'no key');
  if (name in mischief) return mischief[name]() ?? {};
  if (name === 'remind') void component.tell(launch.control.instance, 'reminder', argument, { user: launch.user });
  if (name === 'add') {
    checkFence(launch.folder, launch.fence);
    writeFileSync(notesFile, JSON.stringify([...notes(), argument]));
    for (const watcher of watchers) watcher({ push: { notes: notes().length } });
  }
  return { notes: notes(), pid: process.pid, key: toBase64(suite.sha256(hubKey)) };
}

async function serve(request, response) {
  const { 'restante-session': session, 'restante-scopes': scopes, 'restante-base': base } = request.headers;
  const answer = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url === '/jmap/session')
    return answer(200, { username: launch.user, session, scopes, apiUrl: `${base}/jmap/api` });
  if (request.url === '/jmap/headers') return answer(200, request.headers);
  if (request.url === '/jmap/upload') {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    return answer(201, { size });
  }
  if (request.url === '/jmap/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const watcher = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
    watchers.add(watcher);
    request.socket.on('close', () => watchers.delete(watcher));
    return undefined;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  return answer(200, call(JSON.parse(body)));
}

const server = createServer((request, response) => void serve(request, response));
server.on('upgrade', (request, socket, head) => {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`,
  );
  const say = (message) => socket.write(encodeFrame(new TextEncoder().encode(JSON.stringify(message))));
  const reader = new FrameReader(1_000_000);
  watchers.add(say);
  socket.on('close', () => watchers.delete(say));
  socket.on('error', () => {});
  const hear = (chunk) => {
    for (const frame of reader.push(chunk)) {
      const { id, request: asked } = JSON.parse(fromUtf8(frame));
      say({ id, response: call(asked.methodCalls[0]) });
    }
  };
  if (head.length > 0) hear(head);
  socket.on('data', hear);
});
rmSync(launch.socketPath, { force: true });
server.listen(
  launch.socketPath,
  () => void component.tell(launch.control.instance, 'ready', {}, { user: launch.user }),
);
