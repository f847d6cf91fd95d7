/** Bytes that the files below a folder take on disk. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 512;

export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).blocks * BLOCK_BYTES));
  return sizes.reduce((sum, size) => sum + size, 0);
}
