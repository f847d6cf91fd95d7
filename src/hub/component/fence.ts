/**
 * Whose turn it is at a user's folder, where several hosts share storage: a number in the file `fence`, which the host that
 * takes a user over raises before it starts the user server. Whoever finds a higher number than its own writes nothing more.
 *
 * A host can be paused between the check and its write. So what is written goes into files that carry the fence number in
 * their name, and the next turn reads what the turns before it had written when it raised the fence, and no later bytes.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { HubError } from '../hub-error.ts';

const FILE = 'fence';

/** Raises the fence of a folder, which is made if need be, and returns the new number. On disk before it returns. */
export function raiseFence(folder: string): number {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fence = readFence(folder) + 1;
  const path = join(folder, FILE);
  const descriptor = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(descriptor, `${fence}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
  syncFolder(folder);
  return fence;
}

/** Before every write of our own. Throws HubError `fenced` when another host has taken over. */
export function checkFence(folder: string, fence: number): void {
  const found = readFence(folder);
  if (found > fence)
    throw new HubError('fenced', 'another host has taken this user over', { details: { fence, found } });
}

function readFence(folder: string): number {
  try {
    const fence = Number(readFileSync(join(folder, FILE), 'utf8'));
    if (!Number.isSafeInteger(fence)) throw new HubError('malformed', `${FILE} of a user's folder holds no number`);
    return fence;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
