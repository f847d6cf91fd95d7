/**
 * Checking Ed25519 signatures, as a port: whoever has many hands them over and goes on. `InlineSignatureChecker` works where
 * it is called and is portable; `ThreadedSignatureChecker` (base/system) works beside. Both pass the contract.
 */
import type { CryptoSuite } from './crypto-suite.ts';

export interface SignedBytes {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  /** Ed25519. */
  readonly publicKey: Uint8Array;
}

export interface SignatureChecker extends AsyncDisposable {
  /**
   * Whether each signature is right, as `CryptoSuite.verify` says it. Answers come in the order of the calls. The bytes may
   * be changed once the call has returned.
   */
  check(signed: readonly SignedBytes[]): Promise<readonly boolean[]>;
}

export class InlineSignatureChecker implements SignatureChecker {
  readonly #suite: CryptoSuite;

  constructor(suite: CryptoSuite) {
    this.#suite = suite;
  }

  async check(signed: readonly SignedBytes[]): Promise<readonly boolean[]> {
    return signed.map(({ signature, message, publicKey }) => this.#suite.verify(signature, message, publicKey));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
