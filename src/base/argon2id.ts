/** Argon2id in WebAssembly, for where nothing is native; its program is loaded when it is first asked. */
import type { Argon2Cost } from './crypto-suite.ts';

export async function portableArgon2id(
  password: Uint8Array,
  salt: Uint8Array,
  { bytes, lanes, memoryKib, passes }: Argon2Cost,
): Promise<Uint8Array> {
  const { argon2id } = await import('hash-wasm');
  return argon2id({
    ...{ password, salt, memorySize: memoryKib, iterations: passes, parallelism: lanes, hashLength: bytes },
    outputType: 'binary',
  });
}
