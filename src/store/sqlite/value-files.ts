/**
 * Large values as files: values/12/12345 is the file numbered 12345. A file is written once, before the commit that names
 * it, and removed after the commit that drops it; what a crash leaves between is swept at the next start.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { StoreError } from '../store-error.ts';
import { VALUE_FILES_OPEN_MAX, VALUE_FILES_PER_FOLDER } from './limits.ts';

export interface NewValueFile {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export class ValueFiles {
  readonly #folder: string;

  /** `folder`: the store's. */
  constructor(folder: string) {
    this.#folder = join(folder, 'values');
  }

  pathOf(id: number): string {
    return join(this.#folder, String(Math.floor(id / VALUE_FILES_PER_FOLDER)), String(id));
  }

  /** When it returns they are on disk, names included. When it throws, it has removed what it wrote. */
  write(files: readonly NewValueFile[]): void {
    const folders = new Set<string>();
    const made: number[] = [];
    try {
      for (let i = 0; i < files.length; i += VALUE_FILES_OPEN_MAX)
        this.#writeSome(files.slice(i, i + VALUE_FILES_OPEN_MAX), folders, made);
      for (const folder of folders) syncFolder(folder);
    } catch (error) {
      this.remove(made);
      throw error;
    }
  }

  /** Fills `room` with the file's bytes; throws `corrupt` when it is missing or of another size. */
  read(id: number, room: Uint8Array): void {
    let descriptor: number;
    try {
      descriptor = openSync(this.pathOf(id), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw damaged(id, 'is missing', error);
    }
    try {
      if (fstatSync(descriptor).size !== room.length) throw damaged(id, 'has the wrong size');
      for (let offset = 0; offset < room.length; ) {
        const count = readSync(descriptor, room, offset, room.length - offset, offset);
        if (count === 0) throw damaged(id, 'ended early');
        offset += count;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /** Files that are gone already are no error. */
  remove(ids: readonly number[]): void {
    for (const id of ids) {
      try {
        unlinkSync(this.pathOf(id));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  /** The numbers of those that are on the disk. */
  all(): readonly number[] {
    return numbersIn(this.#folder).flatMap((folder) => numbersIn(join(this.#folder, String(folder))));
  }

  /** Removes files that no row names, and folders that are empty; names that are not ours stay. Returns how many files. */
  sweep(isNamed: (id: number) => boolean): number {
    let removed = 0;
    for (const folder of numbersIn(this.#folder)) {
      const path = join(this.#folder, String(folder));
      const ids = numbersIn(path);
      const orphans = ids.filter((id) => !isNamed(id));
      this.remove(orphans);
      removed += orphans.length;
      if (orphans.length === ids.length && readdirSync(path).length === 0) rmdirSync(path);
    }
    return removed;
  }

  /** All are written, then all are synced: the file system can put them into few writes of its own. */
  #writeSome(files: readonly NewValueFile[], folders: Set<string>, made: number[]): void {
    const descriptors: number[] = [];
    try {
      for (const { id, bytes } of files) {
        const path = this.pathOf(id);
        this.#prepareFolder(dirname(path), folders);
        const descriptor = openSync(path, 'wx', 0o600);
        descriptors.push(descriptor);
        made.push(id);
        for (let offset = 0; offset < bytes.length; ) offset += writeSync(descriptor, bytes, offset);
      }
      for (const descriptor of descriptors) fsyncSync(descriptor);
    } finally {
      for (const descriptor of descriptors) closeSync(descriptor);
    }
  }

  #prepareFolder(folder: string, folders: Set<string>): void {
    if (folders.has(folder)) return;
    folders.add(folder);
    const made = mkdirSync(folder, { recursive: true });
    if (made !== undefined) {
      syncFolder(this.#folder);
      syncFolder(dirname(this.#folder));
    }
  }
}

export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes names in a folder durable. Windows has no such call; NTFS logs names itself. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function damaged(id: number, how: string, cause?: unknown): StoreError {
  return new StoreError('corrupt', `the file of value ${id} ${how}`, {
    fix: 'Restore the folder from a backup, or rebuild it from another copy.',
    cause,
  });
}

function numbersIn(folder: string): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
