/** What the client library leans on in a thread of the hub. */
import { type Log, SeededPrng } from '../../../base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../../base/system/index.ts';
import { createKeyFinder } from '../../../client/node/index.ts';
import { FRAME_BYTES_MAX, isPrivateUrl } from '../../../protocol/index.ts';
import { DIAL_TIMEOUT_MS } from '../limits.ts';

export interface Reach {
  readonly nodeUrl: string;
  /** Also homes at private and loopback addresses. */
  readonly allowPrivate: boolean;
}

export function openThreadDeps(log: Log, { allowPrivate, nodeUrl }: Reach) {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const dialer = new WsDialer(
    { clock, resolver: new SystemResolver() },
    { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: DIAL_TIMEOUT_MS, allowPrivate: allowPrivate || isPrivateUrl(nodeUrl) },
  );
  const prng = new SeededPrng(new DataView(random.bytes(4).buffer).getUint32(0));
  const findOrdinaryKey = createKeyFinder({ clock, log }, { allowPrivate: allowPrivate || isPrivateUrl(nodeUrl) });
  return { clock, random, prng, suite: new SodiumSuite(), dialer, log, findOrdinaryKey };
}
