/** The fleets that somebody has besides what ships: a file in the seed's format, read at the start. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { BUNDLED_FLEETS, DirectoryError, type Fleets, parseFleets } from '../directory/index.ts';
import { FLEETS_FILE_CHARACTERS_MAX } from '../directory/limits.ts';

/** In a profile's folder, or in that of a hub's host. */
const FILE = 'fleets.json';
const FIX = 'Write it as {"fleets": {"NAME": {"mail": {"NODE": "wss://…"}}}}, or remove it.';

/** Where there is no such file: what ships. Throws DirectoryError `malformed`, `too_large` or `bad_name`, which name the file. */
export async function readFleets(folder: string): Promise<Fleets> {
  const path = join(folder, FILE);
  const text = await textOf(path);
  if (text === undefined) return BUNDLED_FLEETS;
  try {
    return parseFleets(text);
  } catch (cause) {
    if (!(cause instanceof DirectoryError)) throw cause;
    throw new DirectoryError(cause.code, `${path}: ${cause.message}`, { fix: cause.fix ?? FIX, cause });
  }
}

/** Undefined: there is none. No more is read than makes it too large: a character has at most four octets. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4 * FLEETS_FILE_CHARACTERS_MAX + 1));
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
