/** Random transactions run against a store and against a sorted map, which must agree on every read. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { compareBytes, toHex } from '../base/index.ts';
import type { KeyRange, Row, Store, StoreTransaction } from './store.ts';
import { all } from './store-rows.contract.ts';

// Few bytes and short keys, so that keys meet, are prefixes of each other and touch both ends.
const arbitraryKey = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((bytes) => bytes.map((byte) => EDGES[byte & 3] as number));
const EDGES = [0, 1, 254, 255];
const arbitraryBound = fc.oneof(fc.constant(new Uint8Array(0)), arbitraryKey, fc.constant(new Uint8Array(4).fill(255)));
const arbitraryValue = fc.oneof(
  { weight: 10, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(65_535, 65_536, 70_001).map((size) => new Uint8Array(size).fill(size & 255)),
  },
);
const arbitraryRange = fc.record({
  from: arbitraryBound,
  to: arbitraryBound,
  limit: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(1000)),
  reverse: fc.boolean(),
  maxBytes: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(1_000_000)),
});
const arbitraryStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put'), key: arbitraryKey, value: arbitraryValue }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete'), key: arbitraryKey }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deleteRange'), from: arbitraryBound, to: arbitraryBound }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('getMany'), keys: fc.array(arbitraryKey, { maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('range'), range: arbitraryRange }) },
);
type Step =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Uint8Array }
  | { readonly kind: 'deleteRange'; readonly from: Uint8Array; readonly to: Uint8Array }
  | { readonly kind: 'getMany'; readonly keys: readonly Uint8Array[] }
  | { readonly kind: 'range'; readonly range: KeyRange };

/** Rounds of transactions; those of a round are handed over at once. */
export type Script = readonly (readonly { readonly steps: readonly Step[]; readonly throws: boolean }[])[];

const arbitraryTransaction = fc.record({
  steps: fc.array(arbitraryStep as fc.Arbitrary<Step>, { minLength: 1, maxLength: 8 }),
  throws: fc.boolean().chain((a) => fc.boolean().map((b) => a && b)),
});
export const arbitraryScript: fc.Arbitrary<Script> = fc.array(
  fc.array(arbitraryTransaction, { minLength: 1, maxLength: 6 }),
  { minLength: 1, maxLength: 3 },
);

class Thrown extends Error {}

/** The store is empty at first. */
export async function runScript(store: Store, script: Script): Promise<void> {
  const model = new SortedModel();
  for (const round of script) {
    await Promise.all(
      round.map(async ({ steps, throws }) => {
        const attempt = store.transact(async (transaction) => {
          const before = model.save();
          for (const step of steps) await runStep(transaction, model, step);
          if (!throws) return;
          model.restore(before);
          throw new Thrown();
        });
        if (throws) await expect(attempt).rejects.toBeInstanceOf(Thrown);
        else await attempt;
      }),
    );
    expect(hex(await all(store))).toEqual(hex(model.rows()));
  }
}

async function runStep(transaction: StoreTransaction, model: SortedModel, step: Step): Promise<void> {
  switch (step.kind) {
    case 'put':
      transaction.put(step.key, step.value);
      return model.put(step.key, step.value);
    case 'delete':
      transaction.delete(step.key);
      return model.delete(step.key);
    case 'deleteRange':
      transaction.deleteRange(step.from, step.to);
      return model.deleteRange(step.from, step.to);
    case 'getMany': {
      const values = await transaction.getMany(step.keys);
      expect(values.map(brief)).toEqual(step.keys.map((key) => brief(model.get(key))));
      return;
    }
    case 'range':
      expect(hex(await transaction.range(step.range))).toEqual(hex(model.range(step.range)));
  }
}

/** As slow and as plain as can be. */
class SortedModel {
  #rows = new Map<string, Row>();

  save(): Map<string, Row> {
    return new Map(this.#rows);
  }

  restore(rows: Map<string, Row>): void {
    this.#rows = rows;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#rows.set(toHex(key), { key, value });
  }

  delete(key: Uint8Array): void {
    this.#rows.delete(toHex(key));
  }

  deleteRange(from: Uint8Array, to: Uint8Array): void {
    for (const { key } of this.rows()) if (compareBytes(key, from) >= 0 && compareBytes(key, to) < 0) this.delete(key);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(toHex(key))?.value;
  }

  rows(): Row[] {
    return [...this.#rows.values()].sort((a, b) => compareBytes(a.key, b.key));
  }

  range({ from, to, limit, reverse, maxBytes }: KeyRange): Row[] {
    const inside = this.rows().filter(({ key }) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0);
    if (reverse) inside.reverse();
    const result: Row[] = [];
    let bytes = 0;
    for (const row of inside) {
      if (result.length >= limit || bytes > (maxBytes ?? Number.POSITIVE_INFINITY)) break;
      result.push(row);
      bytes += row.value.length;
    }
    return result;
  }
}

function hex(rows: readonly Row[]): string[] {
  return rows.map(({ key, value }) => `${toHex(key)}=${brief(value)}`);
}

/** Enough of a value to tell it from the others of these tests. */
function brief(value: Uint8Array | undefined): string {
  return value === undefined ? 'none' : `${value.length}:${toHex(value.subarray(0, 8))}`;
}
