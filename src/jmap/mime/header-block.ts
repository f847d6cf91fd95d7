/**
 * The header of a message or part: fields in their order, each with its name as written and its raw value (RFC 8621, section
 * 4.1.2.1). Never throws: what is no field is skipped, since mail is malformed in every way.
 */
import { HEADER_BYTES_MAX, HEADER_FIELDS_MAX } from '../limits.ts';

export interface HeaderField {
  readonly name: string;
  /** From after the colon to before the line's end, folding included. */
  readonly value: string;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;

export interface HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** Where the body begins. */
  readonly bodyStart: number;
}

/** Reads the header that begins at `start` and ends at an empty line or at `end`. What is too long is not kept. */
export function readHeaderBlock(bytes: Uint8Array, start: number, end: number): HeaderBlock {
  const fields: HeaderField[] = [];
  const readEnd = start + HEADER_BYTES_MAX;
  let at = start;
  if (startsWithMboxLine(bytes, at)) at = lineEnd(bytes, at, end);
  while (at < end) {
    if (bytes[at] === LF) return { fields, bodyStart: at + 1 };
    if (bytes[at] === CR && bytes[at + 1] === LF && at + 1 < end) return { fields, bodyStart: at + 2 };
    const next = fieldEnd(bytes, at, end);
    const colon = colonOf(bytes, at, next);
    if (colon < 0) {
      at = next; // no field: skipped, whatever it is
      continue;
    }
    if (fields.length < HEADER_FIELDS_MAX && colon < readEnd) {
      const name = nameOf(bytes, at, colon);
      if (name !== undefined)
        fields.push({ name, value: rawValue(bytes.subarray(colon + 1, Math.min(next, readEnd))) });
    }
    at = next;
  }
  return { fields, bodyStart: end };
}

/** mbox files begin each message with a line of their own. */
function startsWithMboxLine(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 70 &&
    bytes[at + 1] === 114 &&
    bytes[at + 2] === 111 &&
    bytes[at + 3] === 109 &&
    bytes[at + 4] === SPACE
  );
}

function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  const found = bytes.indexOf(LF, at);
  return found < 0 || found >= end ? end : found + 1;
}

function fieldEnd(bytes: Uint8Array, at: number, end: number): number {
  let next = lineEnd(bytes, at, end);
  while (next < end && (bytes[next] === SPACE || bytes[next] === TAB)) next = lineEnd(bytes, next, end);
  return next;
}

/** Looked for in the field alone: what is no header may go on for megabytes without one. */
function colonOf(bytes: Uint8Array, at: number, next: number): number {
  const found = bytes.subarray(at, next).indexOf(COLON);
  return found < 0 ? -1 : at + found;
}

function nameOf(bytes: Uint8Array, start: number, colon: number): string | undefined {
  let end = colon;
  while (end > start && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--;
  if (end === start) return undefined;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte <= SPACE || byte >= 127) return undefined;
  }
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 1000)));
}

function rawValue(bytes: Uint8Array): string {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === LF) end--;
  if (end > 0 && bytes[end - 1] === CR) end--;
  const text = decoder.decode(bytes.subarray(0, end));
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

/** The value of the last field of that name, which is what JMAP shows of several. */
export function lastField(fields: readonly HeaderField[], name: string): string | undefined {
  return fields.findLast((field) => isNamed(field, name))?.value;
}

/** The value of the first, which is what other programs read a part by. */
export function firstField(fields: readonly HeaderField[], name: string): string | undefined {
  return fields.find((field) => isNamed(field, name))?.value;
}

/** `name` is lower case. */
function isNamed(field: HeaderField, name: string): boolean {
  return field.name.length === name.length && field.name.toLowerCase() === name;
}

/** The message without any header field of that name. */
export function withoutField(message: Uint8Array, name: string): Uint8Array {
  const wanted = name.toLowerCase();
  const kept: Uint8Array[] = [];
  let at = 0;
  while (at < message.length && !isEmptyLine(message, at)) {
    const next = fieldEnd(message, at, message.length);
    const colon = colonOf(message, at, next);
    const own = colon < 0 ? undefined : nameOf(message, at, colon);
    if (own?.toLowerCase() !== wanted) kept.push(message.subarray(at, next));
    at = next;
  }
  return Buffer.concat([...kept, message.subarray(at)]);
}

function isEmptyLine(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] === LF);
}
