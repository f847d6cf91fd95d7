/** Opening (decrypting and verifying) mails of 4 KB: in one thread, and by a pool of as many threads as there are cores. */
import { availableParallelism } from 'node:os';
import { SodiumSuite, SystemClock } from '../src/base/system/index.ts';
import { parseAddress, parseConversationId } from '../src/protocol/index.ts';
import {
  type BodyBinding,
  type BodyWorker,
  createAccountSecrets,
  InThreadBodyWorker,
  type OpenJob,
  openAll,
  parseCertificate,
  type SealJob,
  sealAll,
} from '../src/vault/index.ts';
import { VaultPool } from '../src/vault/node/index.ts';
import type { BenchResult } from './bench-options.ts';
import { random } from './people.ts';

const MAILS = 1_500;
const MAIL_BYTES = 4096;
const WARM_UP_MAILS = 100;
const RUNS = 2;

interface Rate {
  readonly perSecond: number;
  /** Of the process, all its threads, microseconds a mail. */
  readonly cpuMicros: number;
}

export async function benchVault(): Promise<BenchResult> {
  const clock = new SystemClock();
  const address = parseAddress('alice@home.example');
  const secrets = await createAccountSecrets({ suite: new SodiumSuite(), random }, { address, createdAt: clock.now() });
  const certificate = await parseCertificate(secrets.certificate);
  const binding: BodyBinding = {
    type: 'mail',
    conversation: parseConversationId('00112233445566778899aabbccddeeff'),
    author: address,
    recipients: [address],
    time: Math.floor(clock.now()),
  };
  const onThreadLost = (error: Error): void => {
    throw error;
  };
  const threads = availableParallelism();
  await using one = new InThreadBodyWorker({ clock, random }, { secrets });
  await using single = await VaultPool.open({ onThreadLost }, { secrets, threads: 1 });
  await using pool = await VaultPool.open({ onThreadLost }, { secrets, threads });
  const seals: SealJob[] = Array.from({ length: MAILS }, () => ({
    mime: random.bytes(MAIL_BYTES),
    certificates: [certificate],
    binding,
  }));
  const bodies: Uint8Array[] = [];
  for await (const sealed of sealAll(pool, seals)) {
    if (!sealed.ok) throw sealed.error;
    bodies.push(sealed.result);
  }
  const jobs: OpenJob[] = bodies.map((body) => ({ body, signers: [certificate], binding }));
  const inThread = await best(one, jobs);
  const poolOfOne = await best(single, jobs);
  const pooled = await best(pool, jobs);
  return {
    openedPerSecondInThread: inThread.perSecond,
    openedPerCpuSecond: 1e6 / inThread.cpuMicros,
    poolOfOnePerSecond: poolOfOne.perSecond,
    pooledPerSecond: pooled.perSecond,
    pooledPerCpuSecond: 1e6 / pooled.cpuMicros,
    threads,
    scaling: pooled.perSecond / poolOfOne.perSecond,
  };
}

async function best(worker: BodyWorker, jobs: readonly OpenJob[]): Promise<Rate> {
  await measure(worker, jobs.slice(0, WARM_UP_MAILS));
  let found: Rate = { perSecond: 0, cpuMicros: 0 };
  for (let run = 0; run < RUNS; run++) {
    const rate = await measure(worker, jobs);
    if (rate.perSecond > found.perSecond) found = rate;
  }
  return found;
}

async function measure(worker: BodyWorker, jobs: readonly OpenJob[]): Promise<Rate> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  for await (const opened of openAll(worker, jobs)) {
    if (!opened.ok) throw opened.error;
    if (opened.result.verification.status !== 'verified') throw new Error('a mail did not verify');
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: jobs.length / seconds, cpuMicros: (user + system) / jobs.length };
}
