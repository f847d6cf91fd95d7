/**
 * Packages of test/interop/<name>/ and bench/<name>/: programs of others that tests talk to and benches measure. They are installed here and not by the root,
 * which stays light and compiles nothing old. Once for each state of its lock file.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const INSTALL_TIMEOUT_MS = 8 * 60_000;

/** Of a folder below the root, such as `test/interop/hypercore`. Resolves with its path; rejects when it cannot be installed. Test files run at once in several processes: one installs. */
export async function installPackage(below: string): Promise<string> {
  const folder = resolve(below);
  const lockFile = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const mark = join(folder, 'node_modules', '.installed');
  const isInstalled = (): boolean => existsSync(mark) && readFileSync(mark, 'utf8') === lockFile;
  if (isInstalled()) return folder;
  const turn = join(tmpdir(), `restante-installs-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
  while (!takeTurn(turn)) {
    // Real time: who installs is another process, whose folder tells nobody when it goes.
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (isInstalled()) return folder;
  }
  try {
    if (!isInstalled()) {
      await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
      writeFileSync(mark, lockFile);
    }
    return folder;
  } finally {
    rmSync(turn, { recursive: true, force: true });
  }
}

/** A folder can be made once. What a process left that was killed is no turn any more. */
function takeTurn(turn: string): boolean {
  try {
    mkdirSync(turn);
    return true;
  } catch {
    const since = statSync(turn, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > INSTALL_TIMEOUT_MS) rmSync(turn, { recursive: true, force: true });
    return false;
  }
}

/** What compiles libsodium for sodium-native 2; without it npm's peers silently take slow code. */
export function hasCompilers(): boolean {
  return ['autoconf', 'automake', 'libtoolize'].every((program) => existsSync(`/usr/bin/${program}`));
}
