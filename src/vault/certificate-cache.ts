/** Certificates parsed once: verifying their self-signatures costs a millisecond each, and people write to the same people. */
import { sha256 } from '@noble/hashes/sha2.js';
import { LRUCache } from 'lru-cache';
import { toHex } from '../base/index.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { PARSED_CERTIFICATES_MAX } from './limits.ts';

export class CertificateCache {
  readonly #certificates = new LRUCache<string, Promise<Certificate>>({ max: PARSED_CERTIFICATES_MAX });

  /** The same value for the same bytes. Throws what `parseCertificate` throws; a refusal is not kept. */
  parse(bytes: Uint8Array): Promise<Certificate> {
    return this.#find(toHex(sha256(bytes)), bytes);
  }

  /** For a caller that knows the hash of the bytes already. */
  parseHashed(hash: string, bytes: Uint8Array): Promise<Certificate> {
    return this.#find(hash, bytes);
  }

  #find(hash: string, bytes: Uint8Array): Promise<Certificate> {
    let certificate = this.#certificates.get(hash);
    if (certificate === undefined) {
      certificate = parseCertificate(bytes);
      this.#certificates.set(hash, certificate);
      certificate.catch(() => this.#certificates.delete(hash));
    }
    return certificate;
  }
}
