/** Processes of this machine: their children, what they hold in memory, and holding them still. */
import { readdirSync, readFileSync } from 'node:fs';

/** A process and everything below it. Empty when it is gone. */
export function treeOf(root: number): readonly number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? parentOf(pid) : undefined;
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), pid]);
  }
  const tree: number[] = [];
  for (const waiting = [root]; waiting.length > 0; ) {
    const pid = waiting.pop() as number;
    if (parentOf(pid) === undefined) continue;
    tree.push(pid);
    waiting.push(...(parents.get(pid) ?? []));
  }
  return tree;
}

/** Bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(textOf(pid, 'status') ?? '')?.[1] ?? 0) * 1024;
}

/** As `residentBytes`, with what several processes share counted in parts: their sum is what they have together. */
export function proportionalBytes(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(textOf(pid, 'smaps_rollup') ?? '')?.[1] ?? 0) * 1024;
}

/** To a process and everything below it; who has ended meanwhile needs no signal. */
export function signalTree(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function parentOf(pid: number): number | undefined {
  const parent = /PPid:\s+(\d+)/.exec(textOf(pid, 'status') ?? '')?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function textOf(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    // It ended between two looks.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
