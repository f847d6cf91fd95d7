/** Who plays: homes and people, each the built command line in a process of its own. All end with the demo. */
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/bin/restante.js', import.meta.url));
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const children = new Set();

export class Home {
  #child;

  constructor(folder, port) {
    this.folder = folder;
    this.port = port;
    this.name = `localhost:${port}`;
  }

  static async open(folder) {
    const home = new Home(folder, await freePort());
    await home.start();
    return home;
  }

  /** Resolves when it serves. */
  async start() {
    const options = ['--port', String(this.port), '--registration', 'open', '--log-level', 'silent'];
    const child = spawn(process.execPath, [MAIN, 'node', '--json', '--data', this.folder, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = follow(child);
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (first.done) throw new Error(`the home ${this.name} did not start`);
  }

  /** As when somebody pulls the plug. */
  async kill() {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** What waits for the other home. */
  async queued() {
    const [destination] = await linesOf(['federation', 'status', '--data', this.folder]);
    return destination?.queued ?? 0;
  }

  async verify() {
    await linesOf(['verify', '--data', this.folder]);
  }
}

export class Person {
  constructor(address, profile) {
    this.address = address;
    this.profile = profile;
  }

  static async open(name, home, folder) {
    const person = new Person(`${name}@${home.name}`, folder);
    await person.run(['account', 'new', person.address]);
    return person;
  }

  /** The lines of a command's answer. `text` is its stdin. */
  run(args, text = '') {
    return linesOf([...args, '--profile', this.profile], text);
  }

  /** What is in the mailbox, newest first, after asking the home. */
  async inbox() {
    await this.run(['sync']);
    return await this.run(['list']);
  }

  raw(id) {
    return textOf(['read', id, '--raw', '--profile', this.profile]);
  }
}

export async function endAll() {
  await Promise.all(
    [...children].map((child) => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      return gone;
    }),
  );
}

async function linesOf(args, text) {
  const output = await textOf(['--json', ...args], text);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function textOf(args, text = '') {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { ...process.env, RESTANTE_PASSWORD: 'correct horse battery staple' }, maxBuffer: ANSWER_BYTES_MAX },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`restante ${args.join(' ')} failed: ${stdout}${stderr}`));
        else resolve(stdout);
      },
    );
    follow(child).stdin.end(text);
  });
}

function follow(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
