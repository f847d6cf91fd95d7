/**
 * Mail in files, found and read: `.eml` files, folders of them, Maildir, mbox. Bytes are as they stand in the file; of an
 * mbox, without what the format adds. Order is that of the names, so that a second run meets the same messages.
 *
 * A file that is named is taken for mail whatever it holds. In folders, a file counts by its name (`.eml`, `.mbox`, a
 * Maildir's) or when it begins like a message; others are passed over.
 */
import { createReadStream, type Dirent } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { MESSAGE_BYTES_MAX, READ_CHUNK_BYTES, SNIFF_BYTES } from '../limits.ts';
import { beginsWithSeparator, MboxReader } from './mbox.ts';

export interface MailFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly kind: 'message' | 'mbox';
}

export interface FoundMessage {
  /** The file; of an mbox `archive.mbox#12`. */
  readonly path: string;
  /** undefined: not to be sent, for `problem`. */
  readonly bytes: Uint8Array | undefined;
  /** Larger than any message that could be sent, or its file cannot be read. */
  readonly problem: 'too_large' | 'unreadable' | undefined;
  /** How far this message is into its file. */
  readonly readBytes: number;
}

/** Every file of mail under `paths`. Throws CliError `not_found`. */
export async function findMailFiles(paths: readonly string[], signal: AbortSignal): Promise<readonly MailFile[]> {
  const files: MailFile[] = [];
  for (const path of paths) {
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
      throw new CliError('not_found', `there is no ${path}`, { fix: 'Check the path.', cause });
    });
    if (found.isDirectory()) await walk(path, files, signal);
    else files.push({ path, sizeBytes: found.size, kind: await kindOf(path, found.size) });
  }
  return files;
}

/** The messages of a file, in order. Where it cannot be read any further, the last one says so: the next file may be. */
export async function* readMailFile(file: MailFile): AsyncGenerator<FoundMessage> {
  try {
    yield* readMessages(file);
  } catch (error) {
    if (!isFileError(error)) throw error;
    yield { path: file.path, bytes: undefined, problem: 'unreadable', readBytes: file.sizeBytes };
  }
}

async function* readMessages(file: MailFile): AsyncGenerator<FoundMessage> {
  if (file.kind === 'message') {
    const bytes = file.sizeBytes > MESSAGE_BYTES_MAX ? undefined : new Uint8Array(await readFile(file.path));
    yield { path: file.path, ...judged(bytes), readBytes: file.sizeBytes };
    return;
  }
  const reader = new MboxReader();
  let readBytes = 0;
  for await (const chunk of createReadStream(file.path, { highWaterMark: READ_CHUNK_BYTES })) {
    for (const { number, bytes } of reader.push(chunk as Buffer))
      yield { path: `${file.path}#${number}`, ...judged(bytes), readBytes };
    readBytes += (chunk as Buffer).length;
  }
  for (const { number, bytes } of reader.end()) yield { path: `${file.path}#${number}`, ...judged(bytes), readBytes };
}

function judged(bytes: Uint8Array | undefined): Pick<FoundMessage, 'bytes' | 'problem'> {
  return { bytes, problem: bytes === undefined ? 'too_large' : undefined };
}

/** What the system says of a file: no permission, a broken disk, gone meanwhile. */
function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

async function walk(folder: string, files: MailFile[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (!isFileError(error)) throw error;
    files.push({ path: folder, sizeBytes: 0, kind: 'message' }); // reading it says that it cannot be read
    return [];
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const isMaildir = ['cur', 'new'].every((name) => entries.some((entry) => entry.name === name && entry.isDirectory()));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (isMaildir && entry.name === 'tmp') continue; // deliveries under way
      if (isMaildir && (entry.name === 'cur' || entry.name === 'new')) await takeAll(path, files);
      // Hidden folders are Maildir's subfolders; elsewhere they belong to programs.
      else if (isMaildir || !entry.name.startsWith('.')) await walk(path, files, signal);
    } else if (!isMaildir) await takeIfMail(path, entry, files);
  }
}

/** A Maildir's own files: every one is a message. */
async function takeAll(folder: string, files: MailFile[]): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const found = await stat(path);
    if (found.isFile() && !name.startsWith('.')) files.push({ path, sizeBytes: found.size, kind: 'message' });
  }
}

async function takeIfMail(path: string, entry: Dirent, files: MailFile[]): Promise<void> {
  if (entry.name.startsWith('.') || !(entry.isFile() || entry.isSymbolicLink())) return;
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined; // a link that leads nowhere
    throw error;
  });
  if (found === undefined || !found.isFile()) return;
  const beginning = isMailName(path) ? undefined : await beginningOf(path);
  if (beginning !== undefined && !looksLikeMail(beginning)) return;
  files.push({ path, sizeBytes: found.size, kind: await kindOf(path, found.size) });
}

function isMailName(path: string): boolean {
  return /\.(eml|mbox|mbx)$/i.test(path);
}

/**
 * `.eml` is one message and `.mbox` several, whatever they hold. Another file that begins with a `From ` line is an mbox
 * if a second one follows; with one alone it is a message that somebody saved with its envelope, and stays as it is.
 */
async function kindOf(path: string, sizeBytes: number): Promise<MailFile['kind']> {
  if (/\.eml$/i.test(path)) return 'message';
  if (/\.(mbox|mbx)$/i.test(path) || /^mbox$/i.test(basename(path))) return 'mbox';
  const beginning = await beginningOf(path);
  if (beginning === undefined || !beginsWithSeparator(beginning)) return 'message';
  if (sizeBytes > MESSAGE_BYTES_MAX) return 'mbox'; // no single message is as large
  const bytes = await readFile(path).catch((error: unknown) => {
    if (!isFileError(error)) throw error;
    return undefined; // reading it for the import says so, under its name
  });
  if (bytes === undefined) return 'message';
  const reader = new MboxReader();
  const messages = [...reader.push(bytes), ...reader.end()];
  return messages.length > 1 ? 'mbox' : 'message';
}

/** Fields that nearly every message has among its first lines, and hardly another text. */
const MAIL_FIELD =
  /^(from|to|cc|date|subject|received|return-path|message-id|mime-version|delivered-to|reply-to|sender|content-type|x-[a-z-]+|envelope-to):/im;

function looksLikeMail(beginning: Uint8Array): boolean {
  if (beginsWithSeparator(beginning)) return true;
  const text = Buffer.from(beginning).toString('latin1');
  const firstLine = text.slice(0, text.search(/\r?\n/) >>> 0);
  if (!/^[!-9;-~]+[ \t]*:/.test(firstLine)) return false;
  return MAIL_FIELD.test(text.slice(0, text.search(/\r?\n\r?\n/) >>> 0));
}

/** undefined: it cannot be read, which reading the whole will say. */
async function beginningOf(path: string): Promise<Uint8Array | undefined> {
  try {
    await using handle = await open(path, 'r');
    const { bytesRead, buffer } = await handle.read(new Uint8Array(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (!isFileError(error)) throw error;
    return undefined;
  }
}
