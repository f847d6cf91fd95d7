/** Where two commands of one person meet, and how the second proves that it may use the profile. */
import { join } from 'node:path';
import { type CryptoSuite, concatBytes, equalBytes, fromHex, toHex, utf8 } from '../../base/index.ts';
import { SOCKET_PATH_BYTES_MAX } from '../limits.ts';

const SOCKET = 'live.sock';
const PROOF = utf8('restante shared profile 1\n');

/**
 * In the profile's folder, which is its owner's alone. undefined where no socket can be: there one command at a time has
 * the profile (Windows has no such files, and other systems take short names only).
 */
export function meetingPlace(folder: string): string | undefined {
  const path = join(folder, SOCKET);
  return process.platform === 'win32' || Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX ? undefined : path;
}

/** Whoever has the profile's key makes it: who cannot unlock the profile gets nothing from a command that did. */
export function proofOf(suite: CryptoSuite, profileKey: Uint8Array, nonce: string): string {
  return toHex(suite.blake2bKeyed(profileKey, concatBytes(PROOF, fromHex(nonce))));
}

export function isProof(suite: CryptoSuite, profileKey: Uint8Array, nonce: string, proof: unknown): boolean {
  return typeof proof === 'string' && equalBytes(utf8(proof), utf8(proofOf(suite, profileKey, nonce)));
}
