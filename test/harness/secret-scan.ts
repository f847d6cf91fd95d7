/** Looks for secrets where none may be: in every file of a folder, and in what a process shows of itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export class SecretScan {
  readonly #forms: readonly Buffer[];

  /** Each is looked for as it is, in hexadecimal and in both spellings of base64. */
  constructor(secrets: readonly (string | Uint8Array)[]) {
    this.#forms = secrets.flatMap((secret) => {
      const bytes = Buffer.from(secret as string);
      const spelled = (['hex', 'base64', 'base64url'] as const).map((form) => bytes.toString(form).replace(/=+$/, ''));
      return [bytes, ...spelled.map((text) => Buffer.from(text))];
    });
  }

  finds(bytes: Uint8Array): boolean {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return this.#forms.some((form) => all.includes(form));
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
