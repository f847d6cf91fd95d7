/** A certificate of its own for this machine's loopback address; `openssl` comes with Dovecot. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export class Certificate implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Certificate> {
    const made = new Certificate(await mkdtemp(join(tmpdir(), 'certificate-')));
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', made.keyPath];
    const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await promisify(execFile)('openssl', ['req', '-x509', '-days', '1', ...key, ...name, '-out', made.path]);
    return made;
  }

  get path(): string {
    return join(this.folder, 'cert.pem');
  }

  get keyPath(): string {
    return join(this.folder, 'key.pem');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
