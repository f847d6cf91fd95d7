/**
 * The texts of letters on disk: sealed by a key in a file of its own, which no backup has. Whoever gets the database alone (its
 * own host, a copy of it, a backup) reads none of them; whoever has the whole folder of a running home does, as they could have
 * read them when they came.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concatBytes, type SecureRandom } from '../../base/index.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Of AES-256. */
export const SEAL_KEY_BYTES = 32;

export class TextSeal {
  readonly #random: SecureRandom;
  readonly #key: Uint8Array;

  constructor({ random }: { readonly random: SecureRandom }, key: Uint8Array) {
    this.#random = random;
    this.#key = key;
  }

  /** A piece that is a row, with where it stands bound into it. */
  seal(place: Uint8Array, piece: Uint8Array): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(place);
    return concatBytes(nonce, cipher.update(piece), cipher.final(), cipher.getAuthTag());
  }

  /** Undefined: by another key, as after a restore, or damaged. */
  open(place: Uint8Array, piece: Uint8Array): Uint8Array | undefined {
    if (piece.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, piece.subarray(0, NONCE_BYTES));
    decipher.setAAD(place);
    decipher.setAuthTag(piece.subarray(piece.length - TAG_BYTES));
    try {
      return concatBytes(decipher.update(piece.subarray(NONCE_BYTES, piece.length - TAG_BYTES)), decipher.final());
    } catch {
      return undefined; // the tag does not fit: that is the answer
    }
  }
}
