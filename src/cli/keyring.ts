/**
 * The system's keyring, by the program that each system brings, so that a profile's key need not be typed and lies in no
 * file: `secret-tool` (GNOME, KDE) or `keyctl` (the kernel's user keyring) on Linux, `security` on macOS. The secret
 * goes to the program on its stdin, never as an argument.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Address } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';
import type { Platform } from './folders.ts';
import { KEYRING_TIMEOUT_MS } from './limits.ts';

export interface Keyring {
  readonly name: string;
  /** Text without line breaks. */
  save(address: Address, secret: string): Promise<void>;
  /** undefined: it holds none, or none any more. */
  find(address: Address): Promise<string | undefined>;
  /** Idempotent. */
  forget(address: Address): Promise<void>;
}

/** Throws CliError `no_keyring`. */
export async function openKeyring(platform: Platform): Promise<Keyring> {
  const { os, environment } = platform;
  if (os === 'darwin' && (await isOnPath(environment, 'security'))) return MACOS;
  if (os === 'linux') {
    if (environment.DBUS_SESSION_BUS_ADDRESS && (await isOnPath(environment, 'secret-tool'))) return SECRET_SERVICE;
    if (await isOnPath(environment, 'keyctl')) return KERNEL;
  }
  throw new CliError('no_keyring', 'this system has no keyring that restante can use', {
    fix: 'On Linux install keyutils (keyctl) or libsecret-tools (secret-tool), or set RESTANTE_PASSWORD instead.',
  });
}

/**
 * The one that a key was put into: another would say that it holds none, while that one keeps it. Throws CliError
 * `keyring_failed` where it is not reached from here.
 */
export async function openKeyringNamed(platform: Platform, name: string): Promise<Keyring> {
  const keyring = await openKeyring(platform);
  if (keyring.name === name) return keyring;
  throw new CliError('keyring_failed', `the key is in the keyring of ${name}, which is not reached from here`, {
    fix: 'Run this again where `unlock` ran: in the desktop session, not over SSH.',
  });
}

const labelOf = (address: Address): string => `restante:${address}`;

/** The Secret Service of the desktop session; kept over logins, locked with the session. */
const SECRET_SERVICE: Keyring = {
  name: 'secret-tool',
  async save(address, secret) {
    const args = ['store', '--label', labelOf(address), 'service', 'restante', 'address', address];
    requireDone(await run('secret-tool', args, secret));
  },
  async find(address) {
    const found = await run('secret-tool', ['lookup', 'service', 'restante', 'address', address], '');
    return found.code === 0 && found.stdout !== '' ? found.stdout.trim() : undefined;
  },
  async forget(address) {
    const cleared = await run('secret-tool', ['clear', 'service', 'restante', 'address', address], '');
    // Where nothing was there it may say so by its exit code, without a word.
    if (cleared.stderr !== '') requireDone(cleared);
  },
};

/** The kernel's keyring of the user; in memory, until the machine restarts. */
const KERNEL: Keyring = {
  name: 'keyctl',
  async save(address, secret) {
    // A session that is not linked to the user's keyring could add a key to it and then not read it.
    await run('keyctl', ['link', '@u', '@s'], '');
    requireDone(await run('keyctl', ['padd', 'user', labelOf(address), '@u'], secret));
  },
  async find(address) {
    await run('keyctl', ['link', '@u', '@s'], '');
    const id = await run('keyctl', ['search', '@u', 'user', labelOf(address)], '');
    if (id.code !== 0) return undefined;
    const found = await run('keyctl', ['pipe', id.stdout.trim()], '');
    return found.code === 0 ? found.stdout.trim() : undefined;
  },
  async forget(address) {
    const id = await run('keyctl', ['search', '@u', 'user', labelOf(address)], '');
    if (id.code === 0) requireDone(await run('keyctl', ['unlink', id.stdout.trim(), '@u'], ''));
  },
};

/** The login keychain. `security -i` reads commands from stdin, so that the secret is no argument. */
const MACOS: Keyring = {
  name: 'security',
  async save(address, secret) {
    const command = `add-generic-password -U -s restante -a ${quoted(address)} -w ${quoted(secret)}\n`;
    requireDone(await run('security', ['-i'], command));
  },
  async find(address) {
    const found = await run('security', ['find-generic-password', '-s', 'restante', '-a', address, '-w'], '');
    return found.code === 0 ? found.stdout.trim() : undefined;
  },
  async forget(address) {
    await run('security', ['delete-generic-password', '-s', 'restante', '-a', address], '');
  },
};

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

interface Outcome {
  readonly program: string;
  /** null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[], input: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', timeout: KEYRING_TIMEOUT_MS });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ program, code, stdout, stderr }));
    // A program that ends without reading (an error) breaks the pipe; its exit code says more.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function requireDone({ program, code, stderr }: Outcome): void {
  if (code === 0) return;
  throw new CliError('keyring_failed', `${program} refused: ${stderr.trim().split('\n')[0] || `exit ${code}`}`, {
    fix: 'Unlock the keyring of the system, or set RESTANTE_PASSWORD instead.',
  });
}

async function isOnPath(environment: NodeJS.ProcessEnv, program: string): Promise<boolean> {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false, // not there, or not ours to run: look further
    );
    if (found) return true;
  }
  return false;
}
