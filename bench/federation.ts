/**
 * Two homes in processes of their own over HTTP on loopback: mails of 4 KB from a submit at the first to a commit at the
 * second, to a push there at a calm rate, and a queue that has grown while the second was away; beside two Postfix that relay
 * mails of that size, at their best in the same run. Runs alternate and the best of each counts.
 */
import { hasPostfix, PostfixPair } from '../test/harness/postfix.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { measureLatency } from './federation-latency.ts';
import { type RelayRate, TwoHomes } from './federation-load.ts';
import { LmtpLoader } from './lmtp-load.ts';

const MAILS = 15_000;
const QUEUED_MAILS = 20_000;
const BODY_BYTES = 4096;
const POSTFIX_MAILS = 2_000;
const POSTFIX_CONNECTIONS = [5, 20, 50];
const RUNS = 2;

export async function benchFederation({ execArgv }: BenchOptions): Promise<BenchResult> {
  let ours: RelayRate | undefined;
  let peer = { best: 0, at: 0 };
  for (let run = 0; run < RUNS; run++) {
    const rate = await measureRelay(execArgv);
    if (ours === undefined || rate.perSecond > ours.perSecond) ours = rate;
    if (!hasPostfix()) continue;
    const theirs = await measurePostfix();
    if (theirs.best > peer.best) peer = theirs;
  }
  await using homes = await TwoHomes.open(execArgv);
  const latency = await measureLatency(homes);
  const drained = await homes.drain(QUEUED_MAILS, BODY_BYTES);
  return {
    relayedPerSecond: ours?.perSecond ?? 0,
    senderCpuMicros: ours?.senderCpuMicros ?? 0,
    senderMainThreadMicros: ours?.senderMainThreadMicros ?? 0,
    receiverCpuMicros: ours?.receiverCpuMicros ?? 0,
    receiverMainThreadMicros: ours?.receiverMainThreadMicros ?? 0,
    ...latency,
    drainedMails: QUEUED_MAILS,
    drainSeconds: drained.seconds,
    drainedPerSecond: drained.perSecond,
    ...(hasPostfix()
      ? { postfixPerSecond: peer.best, postfixConnections: peer.at, ratio: (ours?.perSecond ?? 0) / peer.best }
      : { postfix: 'not installed' }),
  };
}

async function measureRelay(execArgv: readonly string[]): Promise<RelayRate> {
  await using homes = await TwoHomes.open(execArgv);
  return await homes.relay(MAILS, BODY_BYTES);
}

/** From the first mail given to the first Postfix until the second holds the last. */
async function measurePostfix(): Promise<{ best: number; at: number }> {
  let best = { best: 0, at: 0 };
  for (const connections of POSTFIX_CONNECTIONS) {
    await using pair = await PostfixPair.open({ relays: connections });
    using loader = await LmtpLoader.open({
      port: pair.port,
      connections,
      messages: POSTFIX_MAILS,
      messageBytes: BODY_BYTES,
      user: (connection) => `user${connection}`,
      greeting: 'EHLO',
    });
    const startedAt = performance.now();
    const sent = await loader.send();
    while ((await pair.arrived()) < sent) await new Promise((resolve) => setTimeout(resolve, 5));
    const rate = sent / ((performance.now() - startedAt) / 1000);
    if (rate > best.best) best = { best: rate, at: connections };
  }
  return best;
}
