/**
 * Durable submits of 1 KB over 50 connections, author signatures verified, beside Dovecot's LMTP at its best in the same
 * run. Runs alternate and the best of each counts: a busy machine slows whoever runs at the wrong moment.
 */
import { Dovecot, hasDovecot } from '../test/harness/dovecot.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { measureLmtp } from './lmtp-load.ts';
import { Load, type SubmitRate } from './load.ts';
import { NodeProcess } from './node-process.ts';

const CONNECTIONS = 50;
const MESSAGES = 30_000;
/** Before the clock starts, so that both peers are measured warm. */
const WARM_UP_MESSAGES = 5_000;
const BODY_BYTES = 1024;
const RUNS = 2;

async function measureSubmits(execArgv: readonly string[]): Promise<SubmitRate> {
  await using node = await NodeProcess.open({ execArgv: [...execArgv] });
  using load = await Load.open(node, CONNECTIONS);
  await load.submit(node, load.prepare(WARM_UP_MESSAGES, BODY_BYTES));
  return await load.submit(node, load.prepare(MESSAGES, BODY_BYTES));
}

async function measureDovecot(): Promise<{ best: number; at: number }> {
  await using dovecot = await Dovecot.open();
  let best = { best: 0, at: 0 };
  for (const connections of [4, 16, 50]) {
    const rate = await measureLmtp({
      port: dovecot.lmtpPort,
      connections,
      messages: 2_000,
      messageBytes: BODY_BYTES,
      user: (i) => `user${i}`,
      greeting: 'LHLO',
    });
    if (rate > best.best) best = { best: rate, at: connections };
  }
  return best;
}

export async function benchSubmit({ execArgv }: BenchOptions): Promise<BenchResult> {
  let ours: SubmitRate | undefined;
  let peer = { best: 0, at: 0 };
  for (let run = 0; run < RUNS; run++) {
    const rate = await measureSubmits(execArgv);
    if (ours === undefined || rate.perSecond > ours.perSecond) ours = rate;
    if (!hasDovecot()) continue;
    const theirs = await measureDovecot();
    if (theirs.best > peer.best) peer = theirs;
  }
  return {
    submitsPerSecond: ours?.perSecond ?? 0,
    nodeCpuMicros: ours?.nodeCpuMicros ?? 0,
    mainThreadMicros: ours?.mainThreadMicros ?? 0,
    ...(hasDovecot()
      ? {
          dovecotLmtpPerSecond: peer.best,
          dovecotConnections: peer.at,
          ratio: (ours?.perSecond ?? 0) / peer.best,
        }
      : { dovecot: 'not installed' }),
  };
}
