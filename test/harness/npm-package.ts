/**
 * Packages of test/interop/<name>/: programs of others that the tests talk to. They are installed here and not by the root,
 * which stays light and compiles nothing old. Once for each state of its lock file.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const INSTALL_TIMEOUT_MS = 8 * 60_000;

/** Resolves with the folder; rejects when it cannot be installed. */
export async function installPackage(name: string): Promise<string> {
  const folder = fileURLToPath(new URL(`../interop/${name}`, import.meta.url));
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  const mark = join(folder, 'node_modules', '.installed');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return folder;
  await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
  writeFileSync(mark, lock);
  return folder;
}

/** What compiles libsodium for sodium-native 2; without it npm's peers silently take slow code. */
export function hasCompilers(): boolean {
  return ['autoconf', 'automake', 'libtoolize'].every((program) => existsSync(`/usr/bin/${program}`));
}
