/** Where the sockets between the processes of a hub are. A Unix socket's path is short: where the hub's folder is deep, it is elsewhere. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SOCKET_FOLDER_CHARACTERS_MAX } from './limits.ts';

export class RunFolder implements AsyncDisposable {
  readonly path: string;
  /** Not in the hub's folder, where the next start makes it anew: it goes with the hub. */
  readonly #isElsewhere: boolean;
  #isLeft = false;

  private constructor(path: string, isElsewhere: boolean) {
    this.path = path;
    this.#isElsewhere = isElsewhere;
  }

  /** Empty; `left` is that of the control server which is relieved, and stays as it is. */
  static async open(hubFolder: string, left: string | undefined): Promise<RunFolder> {
    const path = join(hubFolder, 'run');
    if (left !== undefined) return new RunFolder(left, left !== path);
    if (path.length > SOCKET_FOLDER_CHARACTERS_MAX)
      return new RunFolder(await mkdtemp(join(tmpdir(), 'restante-hub-')), true);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { mode: 0o700 });
    return new RunFolder(path, false);
  }

  /** It is another process's from now on. */
  leave(): string {
    this.#isLeft = true;
    return this.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isElsewhere && !this.#isLeft) await rm(this.path, { recursive: true, force: true });
  }
}
