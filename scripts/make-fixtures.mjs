/**
 * Writes what this version of the program leaves on disks, for test/cli/formats.test.ts, which opens it for ever:
 *
 *     node scripts/make-fixtures.mjs 0.1.0 postgres://user@host/database        after `npm run build`
 *
 * The rows that a node has in PostgreSQL are those of its folder, moved there and dumped (pg_dump). Run it once for each release whose formats differ from the one before; what is there is never written again. People, keys
 * and passwords are made up. Nothing of it is in the package.
 */
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const PROGRAM = 'dist/bin/restante.js';
/** Of the home's name: what is opened later runs there again. Below the ports that outgoing connections are given. */
const PORT = 17_896;
const PASSWORD = 'correct horse battery staple';
const ADDRESS = `alice@localhost:${PORT}`;
const TEXT = 'What version 1 wrote is opened for ever.';

const [release, database] = process.argv.slice(2);
if (release === undefined || database === undefined) throw new Error('name the release and a PostgreSQL database');
const target = `test/fixtures/${release}`;
if ((await stat(target).catch(() => undefined)) !== undefined) throw new Error(`${target} is there already`);

const work = join(tmpdir(), `restante-fixtures-${process.pid}`);
const [server, profile] = [join(work, 'server'), join(work, 'profile')];
await mkdir(work);
try {
  const running = await start();
  await restante('account', 'new', ADDRESS, '--node', `ws://127.0.0.1:${PORT}/client`, '--profile', profile);
  const large = join(work, 'large.txt');
  // Just long enough to be a file of its own beside the database.
  await writeFile(large, 'x'.repeat(90_000));
  await restante('send', '--to', ADDRESS, '--subject', 'The first mail', '--body', TEXT, '--profile', profile);
  await restante(
    'send',
    '--to',
    ADDRESS,
    '--subject',
    'A large one',
    '--body',
    TEXT,
    '--attach',
    large,
    '--profile',
    profile,
  );
  await restante('sync', '--profile', profile);
  await readByHub();
  await restante('backup', join(work, 'account-backup'), '--account', ADDRESS, '--data', server);
  running.kill('SIGTERM');
  await new Promise((resolve) => running.once('exit', resolve));
  for (const name of ['server', 'profile', 'account-backup'])
    await cp(join(work, name), join(target, name), { recursive: true, filter: isKept });
  await writeFile(join(target, 'postgres.sql'), await dumpRows());
  await writeFile(join(target, 'facts.json'), `${JSON.stringify({ PORT, ADDRESS, PASSWORD, TEXT }, undefined, 2)}\n`);
  console.log(`${target}: ${(await readdir(target, { recursive: true })).length} files and folders`);
} finally {
  await rm(work, { recursive: true, force: true });
}

/** The node's rows as a database has them: what makes them again, without the settings of the day. */
async function dumpRows() {
  await restante('store', 'move', database, '--data', server);
  const { schema } = JSON.parse(await readFile(join(server, 'keys', 'database'), 'utf8'));
  const options = ['--no-owner', '--no-privileges', '--inserts', `--schema=${schema}`, database];
  const { stdout } = await promisify(execFile)('pg_dump', options, { maxBuffer: 2 ** 28 });
  await restante('store', 'move', '--data', server); // the database is left as it was
  const lines = stdout.split('\n').filter((line) => line !== '' && !/^(--|\\|SET |SELECT )/.test(line));
  return `${lines.join('\n').replaceAll(schema, 'restante_fixture')}\n`;
}

/** Locks and sockets are made at each start. */
function isKept(path) {
  return !/\.sock$|-shm$|lock\.db$/.test(path);
}

async function start() {
  const options = ['--json', '--data', server, '--port', String(PORT), '--registration', 'open'];
  const child = spawn(process.execPath, [PROGRAM, 'up', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (JSON.parse(line).ready === true) return child;
  throw new Error('the home did not start');
}

async function restante(...args) {
  const env = { ...process.env, RESTANTE_PASSWORD: PASSWORD };
  await promisify(execFile)(process.execPath, [PROGRAM, ...args, '--json'], { env });
}

/** The hub becomes a device of the account, and keeps its cache: until it has both mails. */
async function readByHub() {
  const headers = {
    authorization: `Basic ${Buffer.from(`${ADDRESS}:${PASSWORD}`).toString('base64')}`,
    'content-type': 'application/json',
  };
  const hub = `http://127.0.0.1:${PORT + 1}`;
  for (;;) {
    const session = await (await fetch(`${hub}/.well-known/jmap`, { headers })).json();
    const [accountId] = Object.keys(session.accounts ?? {});
    if (accountId !== undefined) {
      const methodCalls = [['Email/query', { accountId }, 'a']];
      const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
      const answer = await fetch(session.apiUrl, {
        method: 'POST',
        headers,
        body: JSON.stringify({ using, methodCalls }),
      });
      const got = await answer.json();
      if (got.methodResponses?.[0]?.[1]?.ids?.length === 2) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
