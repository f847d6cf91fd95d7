/** A disk that is filled and emptied: a file system of its own in memory, where this user may mount one. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE = '512m';
/** Down to single bytes: SQLite writes pages, the file system grants them. */
const FILLER_BYTES = [1 << 20, 4_096, 64, 1];

export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static readonly isPossible: boolean = isPossible();

  static async mount(folder: string): Promise<SmallDisk | undefined> {
    if (!SmallDisk.isPossible) return undefined;
    mkdirSync(folder, { recursive: true });
    mountAt(folder);
    return new SmallDisk(folder);
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    for (const size of FILLER_BYTES) while (isWritten(file, new Uint8Array(size)));
    closeSync(file);
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    // Whoever was killed may hold it a moment longer.
    spawnSync('umount', ['-l', this.#folder]);
  }

  get #filler(): string {
    return join(this.#folder, 'filler');
  }
}

function isWritten(file: number, bytes: Uint8Array): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function isPossible(): boolean {
  if (process.platform !== 'linux') return false;
  const folder = mkdtempSync(join(tmpdir(), 'restante-disk-'));
  const can = mountAt(folder);
  if (can) spawnSync('umount', [folder]);
  rmdirSync(folder);
  return can;
}

function mountAt(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'none', folder]).status === 0;
}
