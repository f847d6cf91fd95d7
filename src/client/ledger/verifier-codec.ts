/** The bytes of a verifier's state in the client's store, version 1. */
import { fromBase64, fromHex, toBase64 } from '../../base/index.ts';
import { ADDRESS_CHARACTERS_MAX, feedIdOf } from '../../protocol/index.ts';
import type { HeadClaim } from './alarm.ts';
import { ByteReader, ByteWriter, malformed, readAddress, readVersion } from './byte-codec.ts';
import { OPEN_HEADS_MAX, STRETCHES_MAX } from './limits.ts';
import type { VerifiedMailbox } from './mailbox-verifier.ts';
import type { Stretch } from './stretches.ts';

const VERSION = 1;

export function encodeVerifiedMailbox({ address, claims, feed, stretches }: VerifiedMailbox): Uint8Array {
  const writer = new ByteWriter().integer(VERSION).text(address).raw(fromHex(feed)).integer(stretches.length);
  let end = 0;
  for (const { below, from, to, top } of stretches) {
    writer
      .integer(from - end - 1)
      .integer(to - from)
      .raw(below)
      .raw(top);
    end = to;
  }
  writer.integer(claims.length);
  for (const { expiredTo, link, node, number, retired, signature } of claims) {
    writer.raw(fromBase64(node)).integer(number).raw(link).integer(expiredTo);
    writer.integer(retired ? 1 : 0).raw(signature);
  }
  return writer.end();
}

/** Throws LedgerError. Signatures were checked before it was written. */
export function decodeVerifiedMailbox(bytes: Uint8Array): VerifiedMailbox {
  const reader = new ByteReader(bytes);
  readVersion(reader, VERSION);
  const address = readAddress(reader, ADDRESS_CHARACTERS_MAX);
  const feed = feedIdOf(reader.raw(32));
  const stretches: Stretch[] = [];
  const count = reader.count(STRETCHES_MAX);
  for (let end = 0, i = 0; i < count; i++) {
    const from = end + 1 + reader.integer();
    const to = from + reader.integer();
    if (!Number.isSafeInteger(to)) throw malformed('a stretch is too large');
    stretches.push({ from, to, below: reader.raw(32), top: reader.raw(32) });
    end = to;
  }
  const claims = Array.from({ length: reader.count(OPEN_HEADS_MAX) }, () => readClaim(reader));
  reader.end();
  return { address, feed, stretches, claims };
}

function readClaim(reader: ByteReader): HeadClaim {
  const node = toBase64(reader.raw(32));
  const number = reader.integer();
  const link = reader.raw(32);
  const expiredTo = reader.integer();
  const retired = reader.integer(1) === 1;
  return { node, number, link, expiredTo, retired, signature: reader.raw(64) };
}
