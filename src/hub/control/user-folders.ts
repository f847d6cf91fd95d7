/** Where each user's folder is: named by a hash, so that any address makes a name of one length. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../../protocol/index.ts';

const NAME_DIGITS = 32;

export class UserFolders {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  of(user: Address): string {
    return join(this.#root, this.nameOf(user));
  }

  nameOf(user: Address): string {
    return createHash('sha256').update(`restante hub user\n${user}`).digest('hex').slice(0, NAME_DIGITS);
  }

  /** Takes away the folder of somebody who could not log in for the first time: nothing but the fence is in it. */
  async forgetIfNew(user: Address): Promise<void> {
    const folder = this.of(user);
    try {
      if ((await readdir(folder)).every((name) => name === 'fence')) await rm(folder, { recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
