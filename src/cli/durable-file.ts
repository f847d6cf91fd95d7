/** Files that are whole or not there at all. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** On disk when it returns, readable by the owner only. */
export async function writeDurably(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  if (process.platform === 'win32') return; // a folder cannot be opened there, and needs not
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** As far as this asks of a file that is open. */
export interface PartWriter {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
}

/** All of it, from that place on: a disk that is nearly full, or a network's, takes a part and says so. */
export async function writeAll(file: PartWriter, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
