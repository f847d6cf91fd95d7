/**
 * A record of a home's key log: that a version of an account, or of the home itself, is the document with this hash. What
 * a log holds beside such records, and records of other homes, says nothing: whoever reads it goes on.
 */
import type { CryptoSuite } from '../base/index.ts';
import { encodeCanonicalJson, parseCanonicalJson } from './canonical-json.ts';
import { type Address, type HomeName, homeOf, isAddress, parseAddress, parseHomeName } from './ids.ts';
import { KEY_RECORD_BYTES_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

export interface KeyRecord {
  /** An account, or the home. */
  readonly subject: Address | HomeName;
  readonly version: number;
  /** Of the document's bytes, hexadecimal. */
  readonly sha256: string;
}

/** What is logged of a document of an account or home that was judged before. Throws ProtocolError for what is no such. */
export function keyRecordOf(suite: CryptoSuite, document: Uint8Array): KeyRecord {
  const fields = parseCanonicalJson(document);
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields))
    throw new ProtocolError('malformed', 'a document is a JSON object');
  const { address, home, version } = fields as Readonly<Record<string, unknown>>;
  const subject = typeof address === 'string' ? parseAddress(address) : parseHomeName(String(home));
  return { subject, version: Number(version), sha256: suite.sha256Hex(document) };
}

export function encodeKeyRecord({ subject, version, sha256 }: KeyRecord): Uint8Array {
  return encodeCanonicalJson(
    isAddress(subject) ? { address: subject, version, sha256 } : { home: subject, version, sha256 },
  );
}

/** The record in a block of the log of `home`; undefined: the block is none. */
export function readKeyRecord(block: Uint8Array, home: HomeName): KeyRecord | undefined {
  if (block.length > KEY_RECORD_BYTES_MAX) return undefined;
  try {
    const fields = parseCanonicalJson(block);
    if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) return undefined;
    const { address, home: ofHome, sha256, version } = fields as Readonly<Record<string, unknown>>;
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
    if (ofHome === home) return { subject: home, version, sha256 };
    const isOurs = typeof address === 'string' && isAddress(address) && homeOf(address) === home;
    return isOurs ? { subject: address, version, sha256 } : undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
