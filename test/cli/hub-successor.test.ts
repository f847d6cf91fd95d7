/** What becomes of a hub whose successor fails: small programs stand for it, each of which fails at another step. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { SystemClock } from '../../src/base/system/index.ts';
import { relieve } from '../../src/cli/hub-relief.ts';
import type { Relief } from '../../src/hub/index.ts';

/** For as long as nobody ends it. */
const LIVES = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);';
const LOADED = "const fs = require('node:fs'); fs.writeSync(4, 'loaded\\n');";
const READS = 'const read = fs.readFileSync(3);';
const unstopped = new AbortController().signal;

const program = (code: string): string[] => [process.execPath, '-e', code];

/** A hub with one user server, which is a process. */
async function setup() {
  const userServer = spawn(process.execPath, ['-e', LIVES], { stdio: 'ignore' });
  await once(userServer, 'spawn');
  const userServers = [{ pid: Number(userServer.pid), bornAt: null as number | null }];
  const relief = { runFolder: '/run', userServers } as Relief;
  let leaves = 0;
  const hub = {
    leave: async () => {
      leaves++;
      return relief;
    },
  };
  return {
    deps: { hub, clock: new SystemClock(), log: SILENT_LOG },
    userServer,
    get leaves(): number {
      return leaves;
    },
    [Symbol.asyncDispose]: async () => {
      userServer.kill('SIGKILL');
      await ended(userServer);
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

test('a successor that cannot be started, or does not load, changes nothing', async () => {
  await using world = await setup();
  for (const command of [['/no/such/program'], program('process.exit(1)'), program("console.error('loaded')")])
    await expect(relieve(world.deps, command, unstopped)).rejects.toMatchObject({ code: 'failed' });
  expect([world.leaves, world.userServer.signalCode]).toEqual([0, null]);
});

test('a successor that loads and does not read what it is given fails, and the user servers end', async () => {
  await using world = await setup();
  // It ends when the first byte has come: what was written and never read comes back as an error of the pipe, after all else is over.
  const ends = 'fs.readSync(3, Buffer.alloc(1)); process.exit(1);';
  const successor = relieve(world.deps, program(`${LOADED} ${ends}`), unstopped);
  await expect(successor).rejects.toMatchObject({ code: 'failed' });
  await ended(world.userServer);
  expect(world.leaves).toBe(1);
});

test('a successor that reads and then fails is ended with the user servers', async () => {
  await using world = await setup();
  const successor = relieve(world.deps, program(`${LOADED} ${READS} process.exit(read.length > 0 ? 1 : 0)`), unstopped);
  await expect(successor).rejects.toMatchObject({ code: 'failed' });
  await ended(world.userServer);
});

test('a hub that is stopped while it is relieved stops: neither the successor nor a user server goes on', async () => {
  await using world = await setup();
  const stop = new AbortController();
  const { deps } = world;
  const hub = {
    leave: async () => {
      stop.abort(new Error('SIGTERM'));
      return deps.hub.leave();
    },
  };
  await expect(relieve({ ...deps, hub }, program(`${LOADED} ${LIVES}`), stop.signal)).rejects.toMatchObject({
    code: 'closed',
  });
  await ended(world.userServer);
  // Before it has left, nobody even takes over.
  await expect(relieve(deps, program(`${LOADED} ${LIVES}`), stop.signal)).rejects.toMatchObject({ code: 'closed' });
  expect(world.leaves).toBe(1);
});

test('a successor that serves has read everything, and the user servers go on', async () => {
  await using world = await setup();
  const serves = "fs.writeSync(4, JSON.parse(read).runFolder === '/run' ? 'serving\\n' : 'lost\\n');";
  const pid = await relieve(world.deps, program(`${LOADED} ${READS} ${serves} ${LIVES}`), unstopped);
  expect(process.kill(pid, 'SIGKILL')).toBe(true);
  expect(world.userServer.signalCode).toBe(null);
});
