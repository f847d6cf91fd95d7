/** Lets real work (threads, disks, sockets, processes) go on until something holds; fails when it does not in time. */
import { setTimeout as pause } from 'node:timers/promises';

const WAIT_MS_MAX = 20_000;
/** Whoever looks without pause takes the processor from what they wait for. */
const PAUSE_MS = 2;

export async function until(condition: () => boolean, waitMs: number = WAIT_MS_MAX): Promise<void> {
  const startedAt = performance.now();
  while (!condition()) {
    if (performance.now() - startedAt > waitMs) throw new Error(`waited in vain for ${condition.toString()}`);
    await pause(PAUSE_MS);
  }
}

/** Between two turns of a clock that a test moves: what really happens must not need fewer turns on a machine that is idle. */
export function letWorkGoOn(): Promise<void> {
  return pause(PAUSE_MS);
}
