/**
 * A folder of the file system as a drive, and back. Sharing again adds what has changed; checking out again writes what
 * differs. Names of a drive are a stranger's: nothing is written outside the folder, nor through a link in it.
 */
import { type FileHandle, lstat, mkdir, open, opendir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Store } from '../../store/index.ts';
import {
  type Drive,
  type DriveChange,
  type DriveStat,
  FILE_BLOCK_BYTES,
  isFile,
  isFolder,
  MODE_FILE,
  MODE_FOLDER,
  splitName,
} from '../drive/index.ts';
import { CHECKOUT_READ_BLOCKS, SHARE_BATCH_BYTES_MAX, SHARE_BATCH_FILES_MAX } from '../drive/limits.ts';
import { FeedError } from '../feed-error.ts';
import type { FeedLog } from '../feed-log.ts';

export interface FolderProgress {
  readonly files: number;
  readonly bytes: number;
}

export interface FolderOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FolderProgress) => void;
}

/** Permissions, without the kind. */
const PERMISSIONS = 0o777;

/** Adds what of the folder the drive does not have, deletes what the folder has no more. Files that change meanwhile are cut where they were. */
export async function shareFolder(
  store: Store,
  drive: Drive,
  folder: string,
  options: FolderOptions,
): Promise<FolderProgress> {
  const share = new FolderShare(store, drive, options);
  const seen = new Set<string>();
  for await (const { name, path } of filesBelow(folder, '')) {
    options.signal.throwIfAborted();
    seen.add(name);
    await share.take(name, path);
  }
  for (const name of drive.files.keys()) if (!seen.has(name)) await share.remove(name);
  await share.flush();
  return share.progress;
}

class FolderShare {
  readonly #store: Store;
  readonly #drive: Drive;
  readonly #options: FolderOptions;
  #blocks: Uint8Array[] = [];
  #bytes = 0;
  #changes: DriveChange[] = [];
  /** The content feed with what waits for `flush`. */
  #contentLength: number;
  #contentBytes: number;
  #total = { files: 0, bytes: 0 };

  constructor(store: Store, drive: Drive, options: FolderOptions) {
    this.#store = store;
    this.#drive = drive;
    this.#options = options;
    this.#contentLength = drive.feeds.content.length;
    this.#contentBytes = drive.feeds.content.byteLength;
  }

  get progress(): FolderProgress {
    return this.#total;
  }

  async take(name: string, path: string): Promise<void> {
    const found = await lstat(path);
    const known = this.#drive.files.get(name);
    const mode = (found.isDirectory() ? MODE_FOLDER : MODE_FILE) | (found.mode & PERMISSIONS);
    const mtime = Math.floor(found.mtimeMs);
    const isSame = known?.mode === mode && known.mtime === mtime && (found.isDirectory() || known.size === found.size);
    const stat = { mode, uid: 0, gid: 0, mtime, ctime: mtime };
    const size = found.isDirectory() ? 0 : isSame ? found.size : await this.#takeFile(name, path, stat);
    if (found.isDirectory() && !isSame)
      this.#changes.push({ name, stat: { ...stat, size: 0, blocks: 0, offset: 0, byteOffset: 0 } });
    if (!found.isDirectory()) this.#total = { files: this.#total.files + 1, bytes: this.#total.bytes + size };
    this.#options.onProgress?.(this.#total);
    if (this.#bytes >= SHARE_BATCH_BYTES_MAX || this.#changes.length >= SHARE_BATCH_FILES_MAX) await this.flush();
  }

  async remove(name: string): Promise<void> {
    this.#changes.push({ name, stat: undefined });
    if (this.#changes.length >= SHARE_BATCH_FILES_MAX) await this.flush();
  }

  async flush(): Promise<void> {
    const [blocks, changes] = [this.#blocks, this.#changes];
    if (blocks.length === 0 && changes.length === 0 && this.#drive.feeds.metadata.length > 0) return;
    this.#blocks = [];
    this.#changes = [];
    this.#bytes = 0;
    await this.#store.transact((transaction) => {
      this.#drive.feeds.content.append(transaction, blocks);
      this.#drive.write(transaction, changes);
    });
  }

  async #takeFile(
    name: string,
    path: string,
    stat: Pick<DriveStat, 'mode' | 'uid' | 'gid' | 'mtime' | 'ctime'>,
  ): Promise<number> {
    const [offset, byteOffset] = [this.#contentLength, this.#contentBytes];
    await using file = await open(path, 'r');
    for (;;) {
      const block = await readBlock(file);
      if (block.length === 0) break;
      this.#blocks.push(block);
      this.#bytes += block.length;
      this.#contentLength += 1;
      this.#contentBytes += block.length;
      if (this.#bytes >= SHARE_BATCH_BYTES_MAX) await this.#flushContent();
      this.#options.signal.throwIfAborted();
    }
    const size = this.#contentBytes - byteOffset;
    this.#changes.push({ name, stat: { ...stat, size, blocks: this.#contentLength - offset, offset, byteOffset } });
    return size;
  }

  /** In the middle of a file: its entry follows with its last block. */
  async #flushContent(): Promise<void> {
    if (this.#changes.length > 0) {
      await this.flush();
      return;
    }
    const blocks = this.#blocks;
    this.#blocks = [];
    this.#bytes = 0;
    await this.#store.transact((transaction) => this.#drive.feeds.content.append(transaction, blocks));
  }
}

async function readBlock(file: FileHandle): Promise<Uint8Array> {
  const block = new Uint8Array(FILE_BLOCK_BYTES);
  let size = 0;
  while (size < block.length) {
    const { bytesRead } = await file.read(block, size, block.length - size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return block.subarray(0, size);
}

interface FoundFile {
  readonly name: string;
  readonly path: string;
}

/** Regular files, and folders with nothing in them. Links and devices are passed over. */
async function* filesBelow(folder: string, prefix: string): AsyncGenerator<FoundFile> {
  let isEmpty = true;
  const entries = [];
  for await (const entry of await opendir(folder)) entries.push(entry);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    isEmpty = false;
    const [name, path] = [`${prefix}/${entry.name}`, join(folder, entry.name)];
    if (entry.isDirectory()) yield* filesBelow(path, name);
    else if (entry.isFile()) yield { name, path };
  }
  if (isEmpty && prefix !== '') yield { name: prefix, path: folder };
}

/** Writes the drive's files into a folder. Throws FeedError `not_found` when a block is not here. */
export async function checkoutFolder(
  store: Store,
  drive: Drive,
  folder: string,
  options: FolderOptions,
): Promise<FolderProgress> {
  let progress: FolderProgress = { files: 0, bytes: 0 };
  await mkdir(folder, { recursive: true });
  for (const [name, stat] of drive.files) {
    options.signal.throwIfAborted();
    const path = join(folder, ...splitName(name));
    await makeFolder(folder, isFolder(stat) ? path : dirname(path));
    if (!isFile(stat)) continue;
    await writeFile(store, drive.feeds.content, { name, path, stat });
    progress = { files: progress.files + 1, bytes: progress.bytes + stat.size };
    options.onProgress?.(progress);
  }
  return progress;
}

/** The folders on the way, each of them a real one. */
async function makeFolder(root: string, path: string): Promise<void> {
  if (path === root) return;
  await makeFolder(root, dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await lstat(path)).isDirectory())
      throw new FeedError('exists', `${path} is in the way of a folder of the drive`, {
        fix: 'Check out into an empty folder.',
      });
  }
}

/** Whole or not at all; what is the same already is left as it is. */
async function writeFile(
  store: Store,
  content: FeedLog,
  { name, path, stat }: FoundFile & { readonly stat: DriveStat },
): Promise<void> {
  if (await isThere(path, stat)) return;
  const temporary = `${path}.part`;
  await rm(temporary, { force: true });
  // Fails rather than follow a link that is there.
  await using file = await open(temporary, 'wx', stat.mode & PERMISSIONS);
  let size = 0;
  for (let from = stat.offset; from < stat.offset + stat.blocks; from += CHECKOUT_READ_BLOCKS) {
    const count = Math.min(CHECKOUT_READ_BLOCKS, stat.offset + stat.blocks - from);
    const blocks = await content.getBlocks(
      store,
      Array.from({ length: count }, (_, i) => from + i),
    );
    for (const block of blocks) {
      if (block === undefined)
        throw new FeedError('not_found', `a block of ${name} is not here`, { fix: 'Clone the whole drive first.' });
      await file.writeFile(block);
      size += block.length;
    }
  }
  if (size !== stat.size) throw new FeedError('malformed', `${name} has ${size} bytes, not ${stat.size}`);
  await file.chmod(stat.mode & PERMISSIONS);
  await rename(temporary, path);
  await utimes(path, stat.mtime / 1000, stat.mtime / 1000);
}

async function isThere(path: string, stat: DriveStat): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isFile() && found.size === stat.size && Math.floor(found.mtimeMs) === stat.mtime;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
