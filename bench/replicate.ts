/**
 * A feed of 1 KB blocks copied over TCP between two processes, verified and on disk, beside npm's current hypercore in the
 * same run: appending by 1 000, copying, one random remote block; and what a block costs as the feed grows.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SeededPrng } from '../src/base/index.ts';
import { installPackage } from '../test/harness/npm-package.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';

export interface ServerTask {
  readonly part: 'server';
  readonly folder: string;
  readonly count: number;
}

export interface CopyTask {
  readonly part: 'copy';
  readonly folder: string;
  readonly port: number;
  readonly key: string;
  readonly count: number;
}

export interface RandomTask {
  readonly part: 'random';
  readonly folder: string;
  readonly port: number;
  readonly key: string;
  readonly indexes: readonly number[];
}

export interface PartResult {
  readonly port?: number;
  readonly key?: string;
  readonly appendMs?: number;
  readonly copyMs?: number;
  readonly cpuMs?: number;
  readonly times?: readonly number[];
}

const BLOCKS = 100_000;
const RANDOM_READS = 1_000;
const ROUNDS = 3;
const GROWTH = [10_000, 100_000];
const FULL_GROWTH = [10_000, 100_000, 1_000_000, 10_000_000];

export async function benchReplicate({ full, execArgv }: BenchOptions): Promise<BenchResult> {
  const ours = { program: fileURLToPath(new URL('./feed-child.js', import.meta.url)), execArgv };
  const theirs = { program: join(await installPackage('bench/hypercore'), 'peer.mjs'), execArgv: [] };
  // By turns, and the best of each: what else goes on at a machine takes its share of one round, and not of all.
  const rounds: [Measured, Measured][] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push([await measure(ours, BLOCKS), await measure(theirs, BLOCKS)]);
  const [we, they] = [bestOf(rounds.map(([we]) => we)), bestOf(rounds.map(([, they]) => they))];
  const costs: Record<string, number> = {};
  for (const count of full ? FULL_GROWTH : GROWTH) {
    const { copyCpuMs, copyPerSecond } = count === BLOCKS ? we : await measure(ours, count);
    costs[`copyCpuMicrosPerBlockAt${count}`] = (copyCpuMs * 1000) / count;
    costs[`copyPerSecondAt${count}`] = copyPerSecond;
  }
  return {
    appendPerSecond: we.appendPerSecond,
    hypercoreAppendPerSecond: they.appendPerSecond,
    copyPerSecond: we.copyPerSecond,
    hypercoreCopyPerSecond: they.copyPerSecond,
    copyRatio: we.copyPerSecond / they.copyPerSecond,
    randomP50Ms: we.randomP50Ms,
    hypercoreRandomP50Ms: they.randomP50Ms,
    ...costs,
  };
}

interface Program {
  readonly program: string;
  readonly execArgv: readonly string[];
}

interface Measured {
  readonly appendPerSecond: number;
  readonly copyPerSecond: number;
  readonly copyCpuMs: number;
  readonly randomP50Ms: number;
}

function bestOf(measured: readonly Measured[]): Measured {
  return {
    appendPerSecond: Math.max(...measured.map(({ appendPerSecond }) => appendPerSecond)),
    copyPerSecond: Math.max(...measured.map(({ copyPerSecond }) => copyPerSecond)),
    copyCpuMs: Math.min(...measured.map(({ copyCpuMs }) => copyCpuMs)),
    randomP50Ms: Math.min(...measured.map(({ randomP50Ms }) => randomP50Ms)),
  };
}

async function measure(program: Program, count: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'replicate-'));
  const server = start(program);
  try {
    const {
      port = 0,
      key = '',
      appendMs = 0,
    } = await ask(server, { part: 'server', folder: join(folder, 'a'), count });
    const copied = await runOnce(program, { part: 'copy', folder: join(folder, 'b'), port, key, count });
    const prng = new SeededPrng(1);
    const indexes = Array.from({ length: RANDOM_READS }, () => prng.below(count));
    const { times = [] } = await runOnce(program, { part: 'random', folder: join(folder, 'c'), port, key, indexes });
    return {
      appendPerSecond: (count * 1000) / appendMs,
      copyPerSecond: (count * 1000) / (copied.copyMs ?? 0),
      copyCpuMs: copied.cpuMs ?? 0,
      randomP50Ms: [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0,
    };
  } finally {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A part in a process that ends with it. */
async function runOnce(program: Program, task: CopyTask | RandomTask): Promise<PartResult> {
  const child = start(program);
  try {
    return await ask(child, task);
  } finally {
    await end(child);
  }
}

function start({ program, execArgv }: Program): ChildProcess {
  return fork(program, [], { execArgv: [...process.execArgv, ...execArgv] });
}

async function ask(child: ChildProcess, task: ServerTask | CopyTask | RandomTask): Promise<PartResult> {
  const answer = once(child, 'message') as Promise<[PartResult]>;
  child.send(task);
  const gone = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`a part of the bench ended with ${code}`)),
  );
  const [result] = await Promise.race([answer, gone as Promise<never>]);
  return result;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
