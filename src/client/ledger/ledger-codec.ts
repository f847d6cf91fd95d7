/** The bytes of a ledger in the client's store, version 1. */
import { fromHex } from '../../base/index.ts';
import { ADDRESS_CHARACTERS_MAX, feedIdOf } from '../../protocol/index.ts';
import { ByteReader, ByteWriter, malformed, readAddress, readVersion } from './byte-codec.ts';
import { type Asked, Ledger, type LedgerFields, type NodeHead } from './ledger.ts';
import { EVIDENCE_MAX, NODE_NAME_BYTES_MAX, NODES_MAX } from './limits.ts';

const VERSION = 1;

export function encodeLedger(ledger: Ledger): Uint8Array {
  const { address, asked, evidence, expired, feed, heads, held } = ledger.fields;
  const writer = new ByteWriter().integer(VERSION).text(address).raw(fromHex(feed)).set(held).set(expired).set(asked);
  writer.integer(heads.length);
  for (const head of heads) writer.text(head.node).integer(head.number).raw(head.link).integer(head.at);
  writer.integer(evidence.length);
  for (const { at, found, from, node, owed, to } of evidence)
    writer
      .text(node)
      .integer(from)
      .integer(to - from)
      .integer(at)
      .integer(found)
      .set(owed);
  return writer.end();
}

/** Throws LedgerError. */
export function decodeLedger(bytes: Uint8Array): Ledger {
  const reader = new ByteReader(bytes);
  readVersion(reader, VERSION);
  const fields: LedgerFields = {
    address: readAddress(reader, ADDRESS_CHARACTERS_MAX),
    feed: feedIdOf(reader.raw(32)),
    held: reader.set(),
    expired: reader.set(),
    asked: reader.set(),
    heads: Array.from({ length: reader.count(NODES_MAX) }, () => readHead(reader)),
    evidence: Array.from({ length: reader.count(EVIDENCE_MAX) }, () => readAsked(reader)),
  };
  reader.end();
  if (!fields.held.intersection(fields.expired).isEmpty) throw malformed('a number is held and expired');
  if (new Set(fields.heads.map((head) => head.node)).size !== fields.heads.length)
    throw malformed('a node stands twice');
  return new Ledger(fields);
}

function readHead(reader: ByteReader): NodeHead {
  return {
    node: reader.text(NODE_NAME_BYTES_MAX),
    number: reader.integer(),
    link: reader.raw(32),
    at: reader.integer(),
  };
}

function readAsked(reader: ByteReader): Asked {
  const node = reader.text(NODE_NAME_BYTES_MAX);
  const from = reader.integer();
  const to = from + reader.integer();
  if (from < 1 || !Number.isSafeInteger(to)) throw malformed('a question about no numbers');
  const at = reader.integer();
  const found = reader.integer();
  return { node, from, to, at, found, owed: reader.set() };
}
