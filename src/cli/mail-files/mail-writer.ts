/**
 * Mail written to files, in three forms. Folders of `.eml` and Maildirs hold the exact bytes, each file whole or not there,
 * under a name that is the message's own for ever: a second run writes what is missing and nothing twice. An mbox appears
 * when it is complete. A message comes in pieces, and may be of any size.
 */
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import { writeAll } from '../durable-file.ts';
import { encodeMboxMessage } from './mbox.ts';

export interface WrittenMessage {
  /** PDU id: the name of its file. */
  readonly id: string;
  readonly author: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly isUnread: boolean;
  readonly isFlagged: boolean;
}

export interface MailWriter extends AsyncDisposable {
  /** Whether an earlier run wrote it, with so many octets if that is said. */
  has(id: string, size?: number): Promise<boolean>;
  /** Also where it was written before, otherwise. What the octets throw is thrown on, and the message is not there. */
  write(message: WrittenMessage, octets: Octets): Promise<void>;
  /** Everything is written. Without it, an mbox never appears. */
  finish(): Promise<void>;
}

export type Octets = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export const EXPORT_FORMATS = ['eml', 'maildir', 'mbox'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export function openMailWriter(path: string, format: ExportFormat): Promise<MailWriter> {
  switch (format) {
    case 'eml':
      return EmlFolder.open(path);
    case 'maildir':
      return Maildir.open(path);
    case 'mbox':
      return MboxFile.open(path);
  }
}

class EmlFolder implements MailWriter {
  readonly #folder: string;
  readonly #names: ReadonlySet<string>;

  private constructor(folder: string, names: ReadonlySet<string>) {
    this.#folder = folder;
    this.#names = names;
  }

  static async open(folder: string): Promise<EmlFolder> {
    await mkdir(folder, { recursive: true });
    return new EmlFolder(folder, new Set(await readdir(folder)));
  }

  async has(id: string, size?: number): Promise<boolean> {
    return this.#names.has(`${id}.eml`) && (await hasSize(join(this.#folder, `${id}.eml`), size));
  }

  async write({ id }: WrittenMessage, octets: Octets): Promise<void> {
    const file = join(this.#folder, `${id}.eml`);
    await writeWhole(`${file}.part`, octets);
    await rename(`${file}.part`, file);
  }

  async finish(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** An empty one is what a crash has left of a file that was written without waiting for the disk. */
async function hasSize(path: string, size: number | undefined): Promise<boolean> {
  const held = (await stat(path)).size;
  return size === undefined ? held > 0 : held === size;
}

/** All of it, or no file. */
async function writeWhole(path: string, octets: Octets): Promise<void> {
  try {
    // A later run takes the file for the whole message: its name must not reach the disk before its octets.
    await writeFile(path, octets, { flush: true });
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

const FOLDERS = ['tmp', 'new', 'cur'] as const;

class Maildir implements MailWriter {
  readonly #folder: string;
  /** The files that are there, by what stands before the flags of their names. */
  readonly #files: ReadonlyMap<string, string>;

  private constructor(folder: string, files: ReadonlyMap<string, string>) {
    this.#folder = folder;
    this.#files = files;
  }

  static async open(folder: string): Promise<Maildir> {
    const files = new Map<string, string>();
    for (const name of FOLDERS) {
      await mkdir(join(folder, name), { recursive: true });
      if (name === 'tmp') continue;
      for (const file of await readdir(join(folder, name)))
        files.set(uniqueOf(file.split(FLAG_MARK)[0] ?? ''), join(folder, name, file));
    }
    return new Maildir(folder, files);
  }

  async has(id: string, size?: number): Promise<boolean> {
    const file = this.#files.get(id);
    return file !== undefined && (await hasSize(file, size));
  }

  async write({ id, receivedAt, isUnread, isFlagged }: WrittenMessage, octets: Octets): Promise<void> {
    const name = `${Math.floor(receivedAt / 1000)}.${id}.${HOST}`;
    const flags = `${isFlagged ? 'F' : ''}${isUnread ? '' : 'S'}`;
    await writeWhole(join(this.#folder, 'tmp', name), octets);
    const before = this.#files.get(id);
    const file = join(this.#folder, 'cur', `${name}${FLAG_MARK}2,${flags}`);
    await rename(join(this.#folder, 'tmp', name), file);
    if (before !== undefined && before !== file) await rm(before, { force: true });
  }

  async finish(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Windows has no colon in names; what mail programs use there instead. */
const FLAG_MARK = process.platform === 'win32' ? ';' : ':';
/** Maildir asks for the host, without what would be a folder or flags. */
const HOST = (hostname() || 'localhost').replace(/[/:;]/g, '_');

function uniqueOf(name: string): string {
  return name.split('.')[1] ?? '';
}

class MboxFile implements MailWriter {
  readonly #path: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;
  #isOpen = true;
  /** Octets of the messages that are whole. */
  #end = 0;

  private constructor(path: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<MboxFile> {
    const existing = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    await existing?.close();
    if (existing !== undefined)
      throw new CliError('file_exists', `${path} is there already`, { fix: 'Name another file, or remove that one.' });
    return new MboxFile(path, await open(`${path}.part`, 'w', 0o600));
  }

  async has(): Promise<boolean> {
    return false;
  }

  async write({ author, receivedAt }: WrittenMessage, octets: Octets): Promise<void> {
    let at = this.#end;
    for await (const piece of encodeMboxMessage(octets, { author, receivedAt })) {
      await writeAll(this.#handle, piece, at);
      at += piece.length;
    }
    this.#end = at;
  }

  async finish(): Promise<void> {
    // What was begun and not ended is over it.
    await this.#handle.truncate(this.#end);
    await this.#handle.sync();
    await this.#close();
    await rename(`${this.#path}.part`, this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    await this.#close();
    await rm(`${this.#path}.part`, { force: true });
  }

  async #close(): Promise<void> {
    this.#isOpen = false;
    await this.#handle.close();
  }
}
