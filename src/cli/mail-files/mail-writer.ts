/**
 * Mail written to files, in three forms. Folders of `.eml` and Maildirs hold the exact bytes, each file whole or not there,
 * under a name that is the message's own for ever: a second run writes what is missing and nothing twice. An mbox appears
 * when it is complete.
 */
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
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
  /** Whether an earlier run wrote it: then its bytes need not be opened. */
  has(id: string): boolean;
  write(message: WrittenMessage, bytes: Uint8Array): Promise<void>;
  /** Everything is written. Without it, an mbox never appears. */
  finish(): Promise<void>;
}

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

  has(id: string): boolean {
    return this.#names.has(`${id}.eml`);
  }

  async write({ id }: WrittenMessage, bytes: Uint8Array): Promise<void> {
    const file = join(this.#folder, `${id}.eml`);
    await writeFile(`${file}.part`, bytes);
    await rename(`${file}.part`, file);
  }

  async finish(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

const FOLDERS = ['tmp', 'new', 'cur'] as const;

class Maildir implements MailWriter {
  readonly #folder: string;
  /** What stands before the flags of the names that are there. */
  readonly #uniques: ReadonlySet<string>;

  private constructor(folder: string, uniques: ReadonlySet<string>) {
    this.#folder = folder;
    this.#uniques = uniques;
  }

  static async open(folder: string): Promise<Maildir> {
    const uniques = new Set<string>();
    for (const name of FOLDERS) {
      await mkdir(join(folder, name), { recursive: true });
      if (name === 'tmp') continue;
      for (const file of await readdir(join(folder, name))) uniques.add(uniqueOf(file.split(FLAG_MARK)[0] ?? ''));
    }
    return new Maildir(folder, uniques);
  }

  has(id: string): boolean {
    return this.#uniques.has(id);
  }

  async write({ id, receivedAt, isUnread, isFlagged }: WrittenMessage, bytes: Uint8Array): Promise<void> {
    const name = `${Math.floor(receivedAt / 1000)}.${id}.${HOST}`;
    const flags = `${isFlagged ? 'F' : ''}${isUnread ? '' : 'S'}`;
    await writeFile(join(this.#folder, 'tmp', name), bytes);
    await rename(join(this.#folder, 'tmp', name), join(this.#folder, 'cur', `${name}${FLAG_MARK}2,${flags}`));
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

  has(): boolean {
    return false;
  }

  async write({ author, receivedAt }: WrittenMessage, bytes: Uint8Array): Promise<void> {
    await this.#handle.appendFile(encodeMboxMessage(bytes, { author, receivedAt }));
  }

  async finish(): Promise<void> {
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
