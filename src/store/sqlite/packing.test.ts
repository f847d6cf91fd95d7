import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../base/index.ts';
import { WriteSet } from '../write-set.ts';
import { Packer, packReads, packWrites, type Read, Unpacker, unpackReads, unpackWrites } from './packing.ts';

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: 1, maxLength });

function entriesOf(writes: WriteSet): unknown[] {
  const entries: unknown[] = [];
  writes.forEach((key, written) => {
    entries.push([key, written]);
  });
  return entries;
}

describe('packing', () => {
  test('any set of writes arrives as it was, whatever was packed before', () => {
    const packer = new Packer(64);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(bytes(40), fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }))),
        fc.array(fc.tuple(bytes(3), bytes(3)), { maxLength: 4 }),
        (entries, spans) => {
          const writes = new WriteSet();
          for (const [from, to] of spans) writes.deleteRange({ from, to });
          for (const [key, written] of entries) {
            if (written === undefined) writes.delete(key);
            else writes.put(key, written);
          }
          const received = new WriteSet();
          const handlers = {
            deleteRange: received.deleteRange.bind(received),
            delete: received.delete.bind(received),
            put: received.put.bind(received),
          };
          unpackWrites(structuredClone(packWrites(packer, writes)), handlers);
          expect([...received.deletedSpans]).toEqual([...writes.deletedSpans]);
          expect(entriesOf(received)).toEqual(entriesOf(writes));
        },
      ),
    );
  });

  test('writes larger than what is kept go in a buffer of their size; the next message has another', () => {
    const packer = new Packer(64 * 1024);
    const large = new Uint8Array(600_000).fill(7);
    const writes = new WriteSet();
    writes.put(utf8('large'), large);
    const packed = packWrites(packer, writes);
    expect(packed.bytes.byteLength).toBe(writes.sizeBytes);
    const small = new WriteSet();
    small.put(utf8('small'), utf8('value'));
    expect(packWrites(packer, small).bytes.byteLength).toBe(small.sizeBytes);
    const seen: Uint8Array[] = [];
    const none = () => undefined;
    unpackWrites(packed, { delete: none, deleteRange: none, put: (_, value) => seen.push(value) });
    expect(seen).toEqual([large]);
  });

  test('reads arrive as they were; bounds beyond 32 bits become none', () => {
    const span = { from: new Uint8Array(0), to: utf8('b') };
    const reads: Read[] = [
      { kind: 'getMany', keys: [utf8('a'), new Uint8Array(1024), utf8('b')] },
      { kind: 'getMany', keys: [] },
      {
        kind: 'scan',
        scan: { spans: [span, { from: utf8('x'), to: utf8('y') }], reverse: true, limit: 7, maxBytes: 0 },
      },
      { kind: 'scan', scan: { spans: [span], reverse: false, limit: 1, maxBytes: Number.POSITIVE_INFINITY } },
    ];
    expect(unpackReads(packReads(new Packer(64), reads))).toEqual(reads);
    const unbounded: Read = {
      kind: 'scan',
      scan: { spans: [span], reverse: false, limit: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER },
    };
    expect(unpackReads(packReads(new Packer(64), [unbounded]))).toMatchObject([
      { scan: { limit: 2 ** 32 - 1, maxBytes: Number.POSITIVE_INFINITY } },
    ]);
  });

  test('what was added after a position is gone after going back to it', () => {
    const packer = new Packer(8);
    packer.addNumber(1);
    packer.addBytes(utf8('kept'));
    const position = packer.position;
    for (let i = 0; i < 5000; i++) packer.addNumber(i);
    packer.reserve(300_000).fill(7);
    packer.rewind(position);
    packer.addNumber(2);
    packer.addBytes(utf8('!'));
    const packed = packer.pack();
    expect([...new Uint32Array(packed.numbers)]).toEqual([1, 2]);
    expect(new Unpacker(packed).bytes(5)).toEqual(utf8('kept!'));
    expect(packer.pack().bytes.byteLength).toBe(0);
  });
});
