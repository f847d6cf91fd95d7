/** Looks for secrets where none may be: in every file of a folder, and in what a process shows of itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Octets of a secret that are looked for where something stands between them: those it begins with. */
const DECIMALS = 64;
const NEXT = ',\\s*(?:"\\d+":\\s*)?';

export class SecretScan {
  readonly #forms: readonly Buffer[];
  readonly #decimals: readonly RegExp[];

  /**
   * Each is looked for as it is, in hexadecimal, in both spellings of base64 wherever it begins within, and in decimals as JSON has
   * octets: `[70,111]` of a Buffer, `{"0":70,"1":111}` of another array.
   */
  constructor(secrets: readonly (string | Uint8Array)[]) {
    const all = secrets.map((secret) => Buffer.from(secret as string));
    this.#forms = all.flatMap((bytes) => [bytes, Buffer.from(bytes.toString('hex')), ...base64Forms(bytes)]);
    this.#decimals = all.map((bytes) => new RegExp(`(?<!\\d)${[...bytes.subarray(0, DECIMALS)].join(NEXT)}`));
  }

  finds(bytes: Uint8Array): boolean {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#forms.some((form) => all.includes(form))) return true;
    const text = all.toString('latin1');
    return this.#decimals.some((form) => form.test(text));
  }

  /** The files in which something was found, and how many were looked at. */
  inFolder(path: string): { readonly found: readonly string[]; readonly count: number } {
    const files = readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return { found: files.filter((file) => this.finds(readFileSync(file))), count: files.length };
  }

  /** Of what anybody on the host may see of a process. */
  inProcess(pid: number): readonly string[] {
    return ['cmdline', 'environ'].filter((file) => this.finds(readFileSync(`/proc/${pid}/${file}`)));
  }
}

/** Of octets that begin anywhere in what is encoded: the signs that depend on them alone. */
function base64Forms(bytes: Uint8Array): Buffer[] {
  return [0, 1, 2].flatMap((before) =>
    (['base64', 'base64url'] as const).map((form) => {
      const text = Buffer.concat([new Uint8Array(before), bytes])
        .toString(form)
        .replace(/=+$/, '');
      const isWholeEnd = (before + bytes.length) % 3 === 0;
      return Buffer.from(text.slice(before === 0 ? 0 : before + 1, isWholeEnd ? undefined : -1));
    }),
  );
}
