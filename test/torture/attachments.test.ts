/**
 * A large attachment goes from a person at one node to another's device at another node, while clients and nodes are killed
 * (kill -9) five times on the way: it arrives byte for byte, little of it travels twice, and nobody needs much memory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { STORED_CHUNK_BYTES } from '../../src/protocol/index.ts';
import { asPerson, PASSWORD } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';
import { LiveFleet } from '../harness/live-fleet.ts';
import { MAIN } from '../harness/program.ts';

const MiB = 1024 * 1024;
const SIZE = runLength(32, 2048) * MiB;
/** The acceptance of issue 4. The short form only sees that nothing runs away: what a start takes is half of it. */
const MEMORY_MIB_MAX = runLength(256, Math.floor(200e6 / MiB));
const RESENT_SHARE_MAX = 0.05;
/** What each kill may cost: the pieces under way; in the short form that is more than five per cent. */
const LOST_BY_A_KILL = 4 * STORED_CHUNK_BYTES;
/** Frames, handshakes, and what nodes say to each other. */
const BESIDE = 2 * MiB;
const LOOK_MS = 50;

type Who = 'sender' | 'receiver' | 'node a' | 'node b';

/** The most memory that each needed, over all of its lives. */
class Memory {
  readonly #peaks = new Map<Who, number>();

  /** Of a process that lives, if the system tells. */
  look(who: Who, pid: number | undefined): void {
    let status: string;
    try {
      status = readFileSync(`/proc/${pid}/status`, 'utf8');
    } catch {
      return; // it has just ended, or this is not Linux
    }
    const peak = Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    this.#peaks.set(who, Math.max(this.#peaks.get(who) ?? 0, peak));
  }

  get peaks(): ReadonlyMap<Who, number> {
    return this.#peaks;
  }
}

interface Run {
  readonly fleet: LiveFleet;
  readonly folder: string;
  readonly memory: Memory;
}

/** One command of a person: ended by itself, or killed when something has come to pass. */
async function runUntil(
  { fleet, folder, memory }: Run,
  who: 'sender' | 'receiver',
  args: readonly string[],
  onLook: (child: ChildProcess) => void,
): Promise<number | null> {
  const env = { ...process.env, ...PASSWORD };
  const child = spawn(process.execPath, [MAIN, '--json', ...args, '--profile', join(folder, who)], { env });
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said += data.toString('latin1').slice(0, 10_000);
  });
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString('latin1').slice(0, 10_000);
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  while (!isOver) {
    memory.look(who, child.pid);
    for (const name of ['a', 'b'] as const) memory.look(`node ${name}`, fleet.node(name).process?.pid);
    onLook(child);
    await Promise.race([pause(LOOK_MS), exited]);
  }
  const code = await exited;
  if (code !== 0 && code !== null && !said.includes('offline'))
    throw new Error(`${args[0]} ended with ${code}: ${said}`);
  return code;
}

/** Kills when so much of the whole has passed: each once, in this order. */
class Kills {
  readonly #marks: { readonly at: number; readonly kill: (child: ChildProcess) => void }[];
  done = 0;

  constructor(marks: readonly { readonly at: number; readonly kill: (child: ChildProcess) => void }[]) {
    this.#marks = [...marks];
  }

  look(passed: number, child: ChildProcess): void {
    const [next] = this.#marks;
    if (next === undefined || passed < next.at * SIZE || child.exitCode !== null || child.signalCode !== null) return;
    this.#marks.shift();
    this.done += 1;
    next.kill(child);
  }
}

/** kill -9 of a node, and it is there again a moment later. */
function killNode(fleet: LiveFleet, name: string, restarts: Promise<void>[]): void {
  restarts.push(fleet.kill(name).then(() => fleet.start(name)));
}

async function writeFileOf(path: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  for (let at = 0; at < size; at += MiB) {
    const bytes = randomBytes(Math.min(MiB, size - at));
    hash.update(bytes);
    await file.write(bytes);
  }
  await file.close();
  return hash.digest('hex');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return hash.digest('hex');
}

async function send(run: Run, to: string): Promise<{ kills: number; bytes: number }> {
  const { fleet, folder } = run;
  const { passed } = fleet.node('a').proxy;
  passed.in = 0;
  const restarts: Promise<void>[] = [];
  const kills = new Kills([
    { at: 0.25, kill: (child) => child.kill('SIGKILL') },
    { at: 0.5, kill: () => killNode(fleet, 'a', restarts) },
    { at: 0.75, kill: (child) => child.kill('SIGKILL') },
  ]);
  const look = (child: ChildProcess): void => kills.look(passed.in, child);
  const args = ['send', '--to', to, '--subject', 'film', '--body', 'see there', '--attach', join(folder, 'film.bin')];
  await runUntil(run, 'sender', args, look);
  // It is in the outbox: whatever happens now, each sync goes on where the one before was killed.
  for (let tries = 0; ; tries++) {
    if ((await runUntil(run, 'sender', ['sync'], look)) === 0) break;
    expect(tries).toBeLessThan(10);
    await Promise.all(restarts);
  }
  await Promise.all(restarts);
  return { kills: kills.done, bytes: passed.in };
}

async function fetch(run: Run): Promise<{ kills: number; bytes: number }> {
  const { fleet, folder } = run;
  const { id } = await asPerson<{ id: string }>(join(folder, 'receiver'), 'list');
  const proxies = ['a', 'b'].map((name) => fleet.node(name).proxy);
  for (const { passed } of proxies) passed.out = 0;
  const bytes = (): number => proxies.reduce((sum, { passed }) => sum + passed.out, 0);
  const restarts: Promise<void>[] = [];
  const kills = new Kills([
    { at: 0.3, kill: (child) => child.kill('SIGKILL') },
    { at: 0.6, kill: () => killNode(fleet, 'b', restarts) },
  ]);
  const saved = join(folder, 'saved');
  for (let tries = 0; ; tries++) {
    const code = await runUntil(run, 'receiver', ['read', id, '--save', saved], (child) => kills.look(bytes(), child));
    if (code === 0) break;
    expect(tries).toBeLessThan(10);
    await Promise.all(restarts);
  }
  await Promise.all(restarts);
  return { kills: kills.done, bytes: bytes() };
}

test(`${SIZE / MiB} MiB go from one device to another's through five kills`, async () => {
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'restante-attachment-'));
  try {
    await using fleet = await LiveFleet.open(['a', 'b'], []);
    const run: Run = { fleet, folder, memory: new Memory() };
    await mkdir(join(folder, 'saved'));
    const written = await writeFileOf(join(folder, 'film.bin'), SIZE);
    const [alice, bob] = [`alice@${fleet.home}`, `bob@${fleet.home}`];
    for (const [who, address, node] of [
      ['sender', alice, 'a'],
      ['receiver', bob, 'b'],
    ] as const) {
      const url = `ws://127.0.0.1:${fleet.node('a').proxy.port}/client`;
      await asPerson(join(folder, who), 'account', 'new', address, '--node', url);
      await asPerson(join(folder, who), 'nodes', 'pin', node);
    }
    await fleet.settled();
    const sent = await send(run, bob);
    await fleet.settled();
    await asPerson(join(folder, 'receiver'), 'sync');
    const fetched = await fetch(run);
    const files = (await readdir(join(folder, 'saved'))).filter((name) => !name.startsWith('.'));
    expect(files).toHaveLength(1);
    expect(await hashOf(join(folder, 'saved', files[0] as string))).toBe(written);
    expect(sent.kills + fetched.kills).toBe(5);
    report(run, sent, fetched, performance.now() - startedAt);
    for (const { bytes, kills } of [sent, fetched])
      expect(bytes - SIZE).toBeLessThan(Math.max(RESENT_SHARE_MAX * SIZE, kills * LOST_BY_A_KILL + BESIDE));
    for (const [who, peak] of run.memory.peaks) expect(peak, who).toBeLessThan(MEMORY_MIB_MAX);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function report(
  { memory }: Run,
  sent: { readonly bytes: number },
  fetched: { readonly bytes: number },
  tookMs: number,
): void {
  const share = ({ bytes }: { readonly bytes: number }): string => `${(((bytes - SIZE) / SIZE) * 100).toFixed(2)} %`;
  const peaks = [...memory.peaks].map(([who, peak]) => `${who} ${peak} MiB`).join(', ');
  console.log(
    `attachment of ${SIZE / MiB} MiB: 5 kills, ${share(sent)} more sent, ${share(fetched)} more fetched; ` +
      `most memory: ${peaks}; ${Math.round(tookMs / 1000)} s`,
  );
}
