// npm's hypercore 11 in the part that the bench gives it: `server` appends and serves, `reader` copies and reads at random.
import { once } from 'node:events';
import net from 'node:net';
import Hypercore from 'hypercore';

const SIZE = 1024;
const BATCH = 1_000;

const parts = {
  async server({ folder, count }) {
    const core = new Hypercore(folder);
    await core.ready();
    const startedAt = performance.now();
    for (let from = 0; from < count; from += BATCH)
      await core.append(Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => Buffer.alloc(SIZE, from + i)));
    const appendMs = performance.now() - startedAt;
    const server = net.createServer((socket) => {
      const stream = core.replicate(false);
      socket.on('error', () => {});
      stream.on('error', () => {});
      socket.pipe(stream).pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: server.address().port, key: core.key.toString('hex'), appendMs };
  },
  async copy({ folder, port, key, count }) {
    const { core, socket } = await connect(folder, port, key);
    const startedAt = performance.now();
    await core.download({ start: 0, end: count }).done();
    const copyMs = performance.now() - startedAt;
    socket.destroy();
    return { copyMs, length: core.length };
  },
  async random({ folder, port, key, indexes }) {
    const { core, socket } = await connect(folder, port, key);
    const times = [];
    for (const index of indexes) {
      const startedAt = performance.now();
      await core.get(index);
      times.push(performance.now() - startedAt);
    }
    socket.destroy();
    return { times };
  },
};

async function connect(folder, port, key) {
  const core = new Hypercore(folder, Buffer.from(key, 'hex'));
  await core.ready();
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const stream = core.replicate(true);
  socket.on('error', () => {});
  stream.on('error', () => {});
  socket.pipe(stream).pipe(socket);
  await core.update({ wait: true });
  return { core, socket };
}

async function answer({ part, ...task }) {
  process.send(await parts[part](task));
}
process.on('message', (message) => void answer(message));
