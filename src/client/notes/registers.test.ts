import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeviceId } from '../../protocol/index.ts';
import { mergeOperation, type Operation, type Registers, trueKeys } from './registers.ts';

const operation: fc.Arbitrary<Operation> = fc.record({
  subject: fc.constantFrom('m:1', 'm:2', 'blocked'),
  key: fc.constantFrom('read', 'flagged', 'label:x', '__proto__', 'constructor'),
  value: fc.oneof(fc.boolean(), fc.constantFrom('a', 'b')),
  counter: fc.integer({ min: 1, max: 6 }),
  device: fc.constantFrom('a'.repeat(32), 'b'.repeat(32)) as fc.Arbitrary<DeviceId>,
});

function mergeAll(operations: readonly Operation[]): Map<string, Registers> {
  const subjects = new Map<string, Registers>();
  for (const each of operations) subjects.set(each.subject, mergeOperation(subjects.get(each.subject) ?? {}, each));
  return subjects;
}

function sorted(subjects: Map<string, Registers>): unknown {
  return [...subjects]
    .sort()
    .map(([subject, registers]) => [subject, Object.entries(registers).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

describe('registers', () => {
  test('are the same whatever the order of operations, and however often each comes', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (operations, random) => {
        const shuffled = [...operations, ...operations]
          .map((each) => ({ each, at: random.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each);
        expect(sorted(mergeAll(shuffled))).toEqual(sorted(mergeAll(operations)));
      }),
    );
  });

  test('keep what has the greatest counter', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 30 }), (operations) => {
        for (const [subject, registers] of mergeAll(operations))
          for (const [key, register] of Object.entries(registers)) {
            const counters = operations.filter((each) => each.subject === subject && each.key === key);
            expect(register.counter).toBe(Math.max(...counters.map((each) => each.counter)));
          }
      }),
    );
  });

  test('tell which keys are true', () => {
    const device = 'a'.repeat(32) as DeviceId;
    const base = { subject: 'm:1', device };
    const registers = [
      { ...base, key: 'read', value: true, counter: 1 },
      { ...base, key: 'flagged', value: true, counter: 2 },
      { ...base, key: 'read', value: false, counter: 3 },
      { ...base, key: 'bcc', value: 'bob@home.example', counter: 4 },
    ].reduce<Registers>(mergeOperation, {});
    expect(trueKeys(registers)).toEqual(['flagged']);
  });
});
