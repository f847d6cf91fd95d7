/** Attachments as files: any size goes out of one and into one, a megabyte at a time, and what was cut goes on. */
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { letPass } from '../base/system/index.ts';
import type { AttachmentContent, AttachmentSource, Client, Download } from '../client/index.ts';
import { CHUNK_BYTES } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { writeAll } from './durable-file.ts';
import { safeLine } from './terminal/text.ts';

/** Throws as the file system does. */
export async function sourceOf(path: string): Promise<AttachmentSource> {
  const { size } = await stat(path);
  return { name: basename(path), size, open: () => piecesOf(path) };
}

/** Each is valid until the next is asked for. */
async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r');
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return;
    // It is encrypted into another, which goes to the store.
    letPass(bytesRead);
    yield buffer.subarray(0, bytesRead);
  }
}

/** A bar while attachments are encrypted and sent. Dispose of it when the work ends. */
export function showSending({ output }: Context, client: Client): Disposable {
  let label = '';
  let bar: ReturnType<Context['output']['progress']> | undefined;
  const listening = client.events.on('attachment', ({ done, stage, total }) => {
    const next = stage === 'encrypting' ? 'Encrypting' : 'Sending';
    if (label !== next) bar = output.progress({ label: next, unit: 'bytes' });
    label = next;
    bar?.update({ done, total });
  });
  return {
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      bar?.[Symbol.dispose]();
    },
  };
}

/** Writes an attachment into a folder, never over a file that is there, and never outside of it: the names are a stranger's. */
export async function saveAttachment(
  context: Context,
  client: Client,
  folder: string,
  attachment: AttachmentContent,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { content, manifest, name } = attachment;
  if (manifest === undefined) {
    const { file, path } = await create(folder, name);
    await using _ = file;
    await file.writeFile(content);
    return path;
  }
  // Known by its content: the same command again finds it and goes on.
  const part = join(folder, `.${manifest.list.slice(0, 32)}.part`);
  await using download = await client.openAttachment(manifest, context.signal);
  await fetchInto(context, part, download);
  const { file, path } = await create(folder, name);
  await file.close();
  await rename(part, path);
  return path;
}

async function fetchInto(context: Context, part: string, download: Download): Promise<void> {
  const { sha256, size } = download.manifest;
  const hash = context.deps.suite.createSha256();
  await using file = await openPart(part);
  using bar = context.output.progress({ label: 'Fetching', unit: 'bytes' });
  let done = 0;
  const take = (chunk: Uint8Array): void => {
    hash.update(chunk);
    done += chunk.length;
    bar.update({ done, total: size });
  };
  const held = await readHeld(file, download, take);
  await file.truncate(done);
  for await (const chunk of download.chunks(held + 1)) {
    await writeAll(file, chunk, done);
    take(chunk);
  }
  await file.sync();
  if (Buffer.from(hash.digest()).toString('hex') === sha256) return;
  await rm(part);
  throw new CliError('attachment_damaged', 'the attachment is not the file that its author hashed', {
    fix: 'Ask its sender for it again.',
  });
}

/** How many chunks of an earlier run are there, each proven by its hash, from the first on. */
async function readHeld(file: FileHandle, download: Download, take: (chunk: Uint8Array) => void): Promise<number> {
  const { size } = download.manifest;
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, size));
  for (let held = 0; held < download.chunkCount; held++) {
    const at = held * CHUNK_BYTES;
    const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, size - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead < chunk.length || !(await download.isChunk(held + 1, chunk))) return held;
    take(chunk);
  }
  return download.chunkCount;
}

async function openPart(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(path, 'wx+', 0o600);
  }
}

/** A new file of that name, or of one like it. */
async function create(folder: string, name: string): Promise<{ readonly path: string; readonly file: FileHandle }> {
  const safe = fileName(name);
  for (let copy = 1; ; copy++) {
    const path = join(folder, copy === 1 ? safe : `${copy}-${safe}`);
    try {
      return { path, file: await open(path, 'wx') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function fileName(name: string): string {
  const safe = safeLine(name)
    .replace(/[/\\:*?"<>|]/g, '_')
    .replace(/^\.+/, '')
    .slice(-120);
  return safe === '' ? 'attachment' : safe;
}
