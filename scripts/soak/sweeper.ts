/**
 * Nothing is left behind, however a soak ends: a shell that waits for the end of its stdin, which comes with the end of this
 * process, ends whatever was started with the soak's folder in its arguments or environment, unmounts what is mounted there
 * and takes the folder away. The folder's name is random, so nothing else is met.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPT = `
cat >/dev/null
for round in 1 2 3; do
  for process in /proc/[0-9]*; do
    pid=\${process#/proc/}
    [ "$pid" = "$$" ] && continue
    if tr '\\0' '\\n' < "$process/environ" | grep -qF "$1" || tr '\\0' '\\n' < "$process/cmdline" | grep -qF "$1"; then
      [ -d "$process" ] && kill -9 "$pid"
    fi
  done 2>/dev/null
  sleep 0.2
done
grep -F " $1/" /proc/mounts | cut -d' ' -f2 | while read -r place; do umount -l "$place"; done
rm -rf "$1"
`;

export class Sweeper {
  readonly folder: string;
  readonly #shell: ChildProcess;

  private constructor(folder: string, shell: ChildProcess) {
    this.folder = folder;
    this.#shell = shell;
  }

  /** Makes the folder in which everything of this run is, and has everything that makes temporary folders make them there. */
  static async open(): Promise<Sweeper> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-soak-'));
    await chmod(folder, 0o755); // PostgreSQL, RabbitMQ and Dovecot have folders of their own users in it
    const stdio: ['pipe', 'ignore', 'ignore'] = ['pipe', 'ignore', 'ignore'];
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sweep', folder], {
      stdio,
      detached: true,
      env: { PATH: '/usr/bin:/bin' },
    });
    shell.unref();
    process.env.TMPDIR = folder;
    return new Sweeper(folder, shell);
  }

  /** What a run that ended in order leaves: the folder. Resolves when it is gone. */
  async sweep(): Promise<void> {
    delete process.env.TMPDIR;
    const exited = once(this.#shell, 'exit');
    this.#shell.stdin?.end();
    await exited;
  }
}
