/**
 * A process that the control server before this one has started. The system tells its end to nobody but its parent, which has
 * gone: so it is looked at. Its number may be another process's later, so what counts is number and birth together.
 */
import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/index.ts';
import { ADOPTED_LOOK_MS } from './limits.ts';
import type { Child } from './spawner.ts';

export function adoptChild(clock: Clock, pid: number, bornAt: number | null, signal: AbortSignal): Child {
  const watch = async (): Promise<string> => {
    while (isThere(pid, bornAt)) await clock.sleep(ADOPTED_LOOK_MS, signal);
    return UNTOLD;
  };
  return {
    pid,
    exited: watch().catch(() => UNTOLD), // nobody looks any more
    kill: () => endProcess(pid, bornAt),
  };
}

/** At once; does nothing to one that has ended, or to another that got its number. */
export function endProcess(pid: number, bornAt: number | null): void {
  if (!isThere(pid, bornAt)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isThere(pid: number, bornAt: number | null): boolean {
  return bornAt === null ? hasProcess(pid) : birthOf(pid) === bornAt;
}

/** How it ended is not known. */
export const UNTOLD = 'untold';

/** When a process began, in ticks of the system since its own start; null where the system does not say, or there is none. */
export function birthOf(pid: number): number | null {
  try {
    // No disk is read: the system makes it up. So a kill is done when it is called, also by a hub that ends next.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name in parentheses, which may hold anything: the state is the first, the birth the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ENDED_STATES.has(String(fields[0])) ? null : Number(fields[19]);
  } catch {
    return null; // no such process, no such system
  }
}

/** Of those that only wait for somebody to be told. */
const ENDED_STATES: ReadonlySet<string> = new Set(['Z', 'X']);

function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
