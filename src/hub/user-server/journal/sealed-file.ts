/**
 * A file of sealed frames. Each file has a key of its own, made of the person's hub key and a random salt, and each frame
 * the next nonce: so no nonce is used twice, however often a file is begun, and frames cannot be exchanged, left out or
 * moved to another file. A file that was finished has a last frame that says so; one that a crash cut short ends before.
 *
 *     'RHJ2' ‖ salt (32) ‖ frame …        frame: size of the ciphertext (u32) ‖ kind (1) ‖ CRC-32 of both ‖ ciphertext ‖ tag (16)
 *
 * A crash may leave the last write short, or zeros where it was to be: that is the file's end. Anything else that does not
 * open is damage, and said to be: a wrong size cannot pass for a short write, since it has a check of its own.
 *
 * ChaCha20-Poly1305 by the platform: a cold start opens megabytes before the first answer.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { equalBytes, readUint32, type SecureRandom, utf8, writeUint32 } from '../../../base/index.ts';
import { HubError } from '../../hub-error.ts';
import { FRAME_BYTES_MAX, READ_AHEAD_BYTES } from './limits.ts';

const MAGIC = utf8('RHJ2');
const SALT_BYTES = 32;
const PREAMBLE_BYTES = MAGIC.length + SALT_BYTES;
const HEADER_BYTES = 9;
/** Of these the check is made. */
const CHECKED_BYTES = 5;
const TAG_BYTES = 16;
/** The kind of the last frame of a finished file. */
const END = 255;

export interface Frame {
  /** What it holds, by its writer's numbering; below 255. */
  readonly kind: number;
  readonly bytes: Uint8Array;
}

export class SealedFileWriter {
  readonly #file: FileHandle;
  readonly #key: Uint8Array;
  #frameCount = 0;
  #sizeBytes = PREAMBLE_BYTES;

  private constructor(file: FileHandle, key: Uint8Array) {
    this.#file = file;
    this.#key = key;
  }

  /** Throws when the file exists. */
  static async create(random: SecureRandom, path: string, hubKey: Uint8Array): Promise<SealedFileWriter> {
    const file = await open(path, 'wx', 0o600);
    const salt = random.bytes(SALT_BYTES);
    await file.writev([MAGIC, salt]);
    return new SealedFileWriter(file, fileKey(hubKey, salt));
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Written, not yet on the disk: `sync`. One at a time. */
  async write(frames: readonly Frame[]): Promise<void> {
    const chunks: Uint8Array[] = [];
    for (const { kind, bytes } of frames) {
      if (bytes.length > FRAME_BYTES_MAX) throw new HubError('failed', 'a transaction is too large for the journal');
      const header = headerOf(bytes.length, kind);
      const cipher = createCipheriv('chacha20-poly1305', this.#key, nonceOf(this.#frameCount++), CIPHER_OPTIONS);
      cipher.setAAD(header, { plaintextLength: bytes.length });
      chunks.push(header, cipher.update(bytes), cipher.final(), cipher.getAuthTag());
    }
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { bytesWritten } = await this.#file.writev(chunks);
    if (bytesWritten !== size) throw new HubError('failed', 'the disk took only a part of what was to be written');
    this.#sizeBytes += size;
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** Nothing follows; on the disk when it returns. */
  async finish(): Promise<void> {
    await this.write([{ kind: END, bytes: new Uint8Array(0) }]);
    await this.#file.sync();
    await this.#file.close();
  }

  /** What a failed write has left of itself goes; needs no room. Nothing may be written behind it, since its nonces were used. */
  async cut(sizeBytes: number): Promise<void> {
    await this.#file.truncate(sizeBytes);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** How a file ended. `cut`: in the middle of a write; `damaged`: with what no crash leaves. */
export type FileEnd = 'finished' | 'open' | 'cut' | 'damaged';

export class SealedFileReader implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #key: Uint8Array;
  readonly sizeBytes: number;
  /** What was read last, and where it stands: of a small file, all of it. */
  #window: Window;
  /** Of the frames that were passed over, by where they begin: a part is gone through once for each table. */
  readonly #passed = new Map<number, Uint8Array>();

  private constructor(file: FileHandle, key: Uint8Array, sizeBytes: number, window: Window) {
    this.#file = file;
    this.#key = key;
    this.sizeBytes = sizeBytes;
    this.#window = window;
  }

  /** Undefined for a file that a crash left without its beginning. Throws HubError `damaged` for any other file. */
  static async open(path: string, hubKey: Uint8Array): Promise<SealedFileReader | undefined> {
    const file = await open(path, 'r');
    try {
      const sizeBytes = (await file.stat()).size;
      const window = await readWindow(file, 0, sizeBytes);
      const preamble = window.bytes.subarray(0, PREAMBLE_BYTES);
      const isShort = preamble.length < PREAMBLE_BYTES || isUnwritten(preamble);
      if (!isShort && !equalBytes(preamble.subarray(0, MAGIC.length), MAGIC))
        throw new HubError('damaged', `${path} is no file of a journal`);
      if (!isShort)
        return new SealedFileReader(file, fileKey(hubKey, preamble.subarray(MAGIC.length)), sizeBytes, window);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  /**
   * The frames of a kind, or all, up to `limitBytes` of the file. Returns how the file ends, and where what was read ends.
   * Frames of other kinds are passed over, unread.
   */
  async *frames(
    wanted: (kind: number) => boolean,
    limitBytes: number = this.sizeBytes,
  ): AsyncGenerator<Frame, { readonly end: FileEnd; readonly atBytes: number }> {
    const end = Math.min(limitBytes, this.sizeBytes);
    let at = PREAMBLE_BYTES;
    for (let index = 0; ; index++) {
      if (at === end) return { end: 'open', atBytes: at };
      if (at + HEADER_BYTES > end) return { end: 'cut', atBytes: at };
      const header = this.#passed.get(at) ?? (await this.#read(at, HEADER_BYTES));
      const [size, kind] = [readUint32(header, 0), header[4] as number];
      if (readUint32(header, CHECKED_BYTES) !== crc32(header.subarray(0, CHECKED_BYTES)))
        return { end: await this.#endOf(end), atBytes: at };
      const next = at + HEADER_BYTES + size + TAG_BYTES;
      if (size > FRAME_BYTES_MAX) return { end: 'damaged', atBytes: at };
      if (next > end) return { end: 'cut', atBytes: at };
      if (kind === END || wanted(kind)) {
        const bytes = await this.#open(index, header, at + HEADER_BYTES, size);
        if (bytes === undefined) return { end: next === end ? await this.#endOf(end) : 'damaged', atBytes: at };
        if (kind === END) return { end: 'finished', atBytes: next };
        yield { kind, bytes };
      } else this.#passed.set(at, header.slice());
      at = next;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** Bytes that never reached the disk read as zeros, and no tag does: where the last one does, a write was cut. */
  async #endOf(end: number): Promise<'cut' | 'damaged'> {
    return isUnwritten(await this.#read(end - TAG_BYTES, TAG_BYTES)) ? 'cut' : 'damaged';
  }

  /** What is within the window is not read again. */
  async #read(at: number, size: number): Promise<Uint8Array> {
    const { atBytes, bytes } = this.#window;
    if (at >= atBytes && at + size <= atBytes + bytes.length) return bytes.subarray(at - atBytes, at - atBytes + size);
    if (size > READ_AHEAD_BYTES) return readAt(this.#file, at, size);
    this.#window = await readWindow(this.#file, at, this.sizeBytes);
    return this.#window.bytes.subarray(0, size);
  }

  async #open(index: number, header: Uint8Array, at: number, size: number): Promise<Uint8Array | undefined> {
    const sealed = await this.#read(at, size + TAG_BYTES);
    const decipher = createDecipheriv('chacha20-poly1305', this.#key, nonceOf(index), CIPHER_OPTIONS);
    decipher.setAAD(header, { plaintextLength: size });
    decipher.setAuthTag(sealed.subarray(size));
    const bytes = decipher.update(sealed.subarray(0, size));
    try {
      decipher.final();
    } catch {
      return undefined; // cut short by a crash, changed by somebody, or not ours: the caller decides by where it stands
    }
    return bytes;
  }
}

interface Window {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
}

async function readWindow(file: FileHandle, at: number, sizeBytes: number): Promise<Window> {
  return { atBytes: at, bytes: await readAt(file, at, Math.min(READ_AHEAD_BYTES, sizeBytes - at)) };
}

/** What somebody has cut off meanwhile reads as zeros, as what never reached the disk does. */
async function readAt(file: FileHandle, at: number, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(size);
  const { bytesRead } = await file.read(bytes, 0, size, at);
  return bytes.fill(0, bytesRead);
}

const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };

function fileKey(hubKey: Uint8Array, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', hubKey, salt, 'restante hub journal 1', 32));
}

function nonceOf(index: number): Uint8Array {
  const nonce = new Uint8Array(12);
  writeUint32(nonce, 8, index);
  return nonce;
}

function headerOf(size: number, kind: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  writeUint32(header, 0, size);
  header[4] = kind;
  writeUint32(header, CHECKED_BYTES, crc32(header.subarray(0, CHECKED_BYTES)));
  return header;
}

function isUnwritten(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
