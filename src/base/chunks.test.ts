import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes } from './bytes.ts';
import { Chunks } from './chunks.ts';

test('whatever pieces come, chunks have one length, the rest is shorter, and all together are what came', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 9 }), (given, size) => {
      const chunks = new Chunks(size);
      const made: Uint8Array[] = [];
      for (const piece of given) for (const chunk of chunks.add(piece)) made.push(chunk.slice());
      expect(made.every(({ length }) => length === size)).toBe(true);
      expect(chunks.rest.length).toBeLessThan(size);
      expect(concatBytes(...made, chunks.rest)).toEqual(concatBytes(...given));
    }),
  );
});
