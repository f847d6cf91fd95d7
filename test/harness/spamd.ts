/** Debian's spamd on a free loopback port, with the rules that come with it, without a network and without learning. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers } from './daemon.ts';
import { freePort } from './home-process.ts';

const SPAMD = '/usr/sbin/spamd';
/** What every filter knows as junk: the test text of the field. */
export const GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X';

export function hasSpamd(): boolean {
  return existsSync(SPAMD);
}

export class Spamd implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #stop: () => Promise<void>;

  private constructor(port: number, folder: string, stop: () => Promise<void>) {
    this.port = port;
    this.#folder = folder;
    this.#stop = stop;
  }

  static async open(): Promise<Spamd> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'spamd-'));
    const settings = [
      '--local',
      '--nouser-config',
      '--max-children=1',
      '--cf',
      'use_bayes 0',
      '--cf',
      'use_auto_whitelist 0',
    ];
    const child = spawn(SPAMD, [`--listen=127.0.0.1:${port}`, ...settings, '-H', folder], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await answers(port, 'spamd');
    return new Spamd(port, folder, async () => {
      child.kill('SIGTERM');
      await ended;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
