/** A keyring of the desktop's kind (Secret Service) on a bus and in a folder of its own: nobody's real keyring is touched. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What Debian has in the packages dbus, gnome-keyring and libsecret-tools. */
const PROGRAMS = ['dbus-run-session', 'gnome-keyring-daemon', 'secret-tool'] as const;

/** Says the bus's address when the keyring is unlocked, and stays until its stdin ends; bus and keyring end with it. */
const SESSION = `printf 'test\\n' | gnome-keyring-daemon --unlock --components=secrets >&2
printf '%s\\n' "$DBUS_SESSION_BUS_ADDRESS"
cat >&2`;

export interface SecretService extends AsyncDisposable {
  readonly busAddress: string;
}

export function hasSecretService(): boolean {
  const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return process.platform === 'linux' && PROGRAMS.every(isThere);
}

export async function openSecretService(): Promise<SecretService> {
  const home = await mkdtemp(join(tmpdir(), 'restante-keyring-'));
  const { XDG_DATA_HOME: _, XDG_RUNTIME_DIR: __, ...environment } = process.env;
  const session = spawn('dbus-run-session', ['--', 'sh', '-c', SESSION], {
    env: { ...environment, HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let told = '';
  session.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  const { value: busAddress } = await createInterface({ input: session.stdout })[Symbol.asyncIterator]().next();
  if (busAddress === undefined) throw new Error(`the keyring did not start: ${told}`);
  return {
    busAddress,
    async [Symbol.asyncDispose]() {
      session.stdin.end();
      if (session.exitCode === null) await once(session, 'exit');
      await rm(home, { recursive: true, force: true });
    },
  };
}
