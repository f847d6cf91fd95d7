/** The disk under a folder, as the operating system knows it. */
import { statfs } from 'node:fs/promises';
import type { Disk, DiskSpace } from './room.ts';

export class StatfsDisk implements Disk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async space(): Promise<DiskSpace> {
    const { bavail, blocks, bsize } = await statfs(this.#folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }
}
