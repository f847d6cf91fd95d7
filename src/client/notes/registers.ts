/**
 * What a person's devices say about messages and people, merged without a server: a register for each (subject, key), in
 * which the later writer wins. Later is by Lamport counter, then by device, then by value, so the result is the same
 * whatever the order in which notes arrive. Pure.
 */
import { z } from 'zod';
import type { DeviceId } from '../../protocol/index.ts';
import { REGISTER_TEXT_MAX } from '../limits.ts';

/** What is said: true and false for keywords, text for the rest; `undefined` is not spelled. */
export type RegisterValue = boolean | string;

export interface Operation {
  /** `m:<PDU id>` for a message, `blocked` for the list of who is blocked. */
  readonly subject: string;
  /** A keyword, or an address. */
  readonly key: string;
  readonly value: RegisterValue;
  /** Lamport counter: greater than every one its device had seen. */
  readonly counter: number;
  readonly device: DeviceId;
}

export type Register = Pick<Operation, 'value' | 'counter' | 'device'>;
export type Registers = Readonly<Record<string, Register>>;

export const operationSchema = z.strictObject({
  subject: z.string().min(1).max(200),
  key: z.string().min(1).max(400),
  value: z.union([z.boolean(), z.string().max(REGISTER_TEXT_MAX)]),
  counter: z.int().min(1),
  device: z.string().regex(/^[0-9a-f]{32}$/),
});

/** The registers of one subject after `operation`; the same object when nothing changes. */
export function mergeOperation(registers: Registers, operation: Operation): Registers {
  const { key, value, counter, device } = operation;
  const before = Object.hasOwn(registers, key) ? registers[key] : undefined;
  if (before !== undefined && compareRegisters(before, operation) >= 0) return registers;
  // A key from outside may be `__proto__`: a definition, not an assignment.
  return Object.fromEntries([
    ...Object.entries(registers).filter(([name]) => name !== key),
    [key, { value, counter, device }],
  ]);
}

/** The keys of a subject that are true. */
export function trueKeys(registers: Registers): string[] {
  return Object.keys(registers)
    .filter((key) => registers[key]?.value === true)
    .sort();
}

function compareRegisters(a: Register, b: Register): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  const [spelledA, spelledB] = [JSON.stringify(a.value), JSON.stringify(b.value)];
  return spelledA < spelledB ? -1 : spelledA > spelledB ? 1 : 0;
}
