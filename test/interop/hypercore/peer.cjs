// npm's hypercore 7 and hyperdrive 9 as a peer that does what it is told: one JSON command a line on stdin, one answer a
// line on stdout. Feeds are in memory; drives in the folder of their command.
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');
const { promisify } = require('node:util');
const hypercore = require('hypercore');
const hyperdrive = require('hyperdrive');
const protocol = require('hypercore-protocol');
const ram = require('random-access-memory');

const feeds = new Map();
const sockets = new Set();
const blockOf = (index, size) => Buffer.alloc(size, `block ${index} `);

async function makeFeed({ name, key }) {
  const feed = key === undefined ? hypercore(ram) : hypercore(ram, Buffer.from(key, 'hex'), { sparse: true });
  await promisify(feed.ready.bind(feed))();
  feeds.set(name, feed);
  return { key: feed.key.toString('hex') };
}

// One connection for all feeds that are named.
function replicate(socket, names, live) {
  const [first, ...others] = names.map((name) => feeds.get(name));
  const options = { live, timeout: 10_000, expectedFeeds: names.length };
  const stream = others.length === 0 ? first.replicate(options) : protocol({ ...options, id: first.id });
  if (others.length > 0) for (const feed of [first, ...others]) feed.replicate({ ...options, stream });
  join(socket, stream);
}

function join(socket, stream) {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => stream.destroy());
  stream.on('error', () => socket.destroy());
  socket.pipe(stream).pipe(socket);
}

async function listen(onSocket, port = 0) {
  const server = net.createServer(onSocket);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { port: server.address().port };
}

async function openDrive({ folder, key }) {
  const drive = hyperdrive(folder ?? ram, key === undefined ? undefined : Buffer.from(key, 'hex'));
  await promisify(drive.ready.bind(drive))();
  return drive;
}

async function eachFile(folder, visit, below = '') {
  for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
    const name = `${below}/${entry.name}`;
    if (entry.isDirectory()) await eachFile(folder, visit, name);
    else await visit(name);
  }
}

async function copyOut(drive, name, target) {
  const entries = await promisify(drive.readdir.bind(drive))(name);
  let files = 0;
  for (const entry of entries) {
    const child = path.posix.join(name, entry);
    const stat = await promisify(drive.stat.bind(drive))(child);
    if (stat.isDirectory()) files += await copyOut(drive, child, target);
    else {
      const file = path.join(target, child);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, await promisify(drive.readFile.bind(drive))(child));
      files += 1;
    }
  }
  return files;
}

const commands = {
  make: makeFeed,
  async append({ name, count, size }) {
    const feed = feeds.get(name);
    const blocks = Array.from({ length: count }, (_, i) => blockOf(feed.length + i, size));
    await promisify(feed.append.bind(feed))(blocks);
    return { length: feed.length };
  },
  async clear({ name, from, to }) {
    const feed = feeds.get(name);
    await promisify(feed.clear.bind(feed))(from, to);
    return {};
  },
  listen: ({ names, live, port }) => listen((socket) => replicate(socket, names, live), port),
  async connect({ names, live, port }) {
    replicate(net.connect(port, '127.0.0.1'), names, live);
    return {};
  },
  async cut() {
    for (const socket of sockets) socket.destroy();
    return {};
  },
  async download({ name, from, to }) {
    const feed = feeds.get(name);
    await promisify(feed.download.bind(feed))({ start: from, end: to });
    return { length: feed.length };
  },
  // Each block as it was asked for; null where it is not here.
  async get({ name, indexes }) {
    const feed = feeds.get(name);
    const one = async (index) =>
      feed.has(index) ? (await promisify(feed.get.bind(feed))(index)).toString('base64') : null;
    return { blocks: await Promise.all(indexes.map(one)) };
  },
  async update({ name, length }) {
    const feed = feeds.get(name);
    while (feed.length < length) await promisify(feed.update.bind(feed))(length);
    return { length: feed.length };
  },
  async shareDrive({ source }) {
    const drive = await openDrive({});
    let files = 0;
    await eachFile(source, async (name) => {
      await promisify(drive.writeFile.bind(drive))(name, fs.readFileSync(path.join(source, name)));
      files += 1;
    });
    const { port } = await listen((socket) => join(socket, drive.replicate({ live: true, timeout: 10_000 })));
    return { key: drive.key.toString('hex'), port, files };
  },
  async readDrive({ key, port, target }) {
    const drive = await openDrive({ key });
    const socket = net.connect(port, '127.0.0.1');
    join(socket, drive.replicate({ live: true, timeout: 10_000 }));
    await promisify(drive.metadata.update.bind(drive.metadata))();
    const files = await copyOut(drive, '/', target);
    socket.destroy();
    return { files };
  },
};

async function answer(line) {
  const command = JSON.parse(line);
  try {
    const result = await commands[command.do](command);
    process.stdout.write(`${JSON.stringify({ id: command.id, answer: result })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ id: command.id, error: String(error.stack ?? error) })}\n`);
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => void answer(line));
process.stdin.on('end', () => process.exit(0));
