/**
 * Canonical JSON as Matrix defines it (specification, appendix "Canonical JSON"): the one spelling of a document that
 * is hashed and signed. Keys in code-point order, shortest UTF-8, integers within ±(2^53-1), no floats. Ours nests at most
 * JSON_DEPTH_MAX deep, so that no document exhausts a stack.
 */
import { compareBytes, fromUtf8, utf8 } from '../base/index.ts';
import { JSON_DEPTH_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

export function encodeCanonicalJson(value: Json): Uint8Array {
  return utf8(spell(value, JSON_DEPTH_MAX));
}

/** The document of bytes that are already canonical; any other spelling (also a key twice) is refused. */
export function parseCanonicalJson(bytes: Uint8Array): Json {
  let text: string;
  let value: Json;
  try {
    text = fromUtf8(bytes);
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new ProtocolError('malformed', 'not JSON', { cause });
  }
  // Strict UTF-8 is one to one, so the texts tell what the bytes would.
  if (spell(value, JSON_DEPTH_MAX) !== text) throw new ProtocolError('malformed', 'not canonical JSON');
  return value;
}

function spell(value: Json, depthLeft: number): string {
  switch (typeof value) {
    case 'string':
      return spellString(value);
    case 'number':
      if (!Number.isSafeInteger(value)) throw new ProtocolError('malformed', 'canonical JSON holds safe integers only');
      return String(value === 0 ? 0 : value);
    case 'boolean':
      return String(value);
    default:
      break;
  }
  if (value === null) return 'null';
  if (depthLeft === 0) throw new ProtocolError('malformed', `a document nests at most ${JSON_DEPTH_MAX} deep`);
  if (Array.isArray(value)) return `[${value.map((item) => spell(item, depthLeft - 1)).join(',')}]`;
  return spellObject(value as { readonly [key: string]: Json | undefined }, depthLeft - 1);
}

function spellObject(object: { readonly [key: string]: Json | undefined }, depthLeft: number): string {
  const keys = Object.keys(object).filter((key) => object[key] !== undefined);
  keys.sort(compareCodePoints);
  return `{${keys.map((key) => `${spellString(key)}:${spell(object[key] as Json, depthLeft)}`).join(',')}}`;
}

// JSON.stringify escapes lone surrogates instead of refusing them; a lone surrogate has no UTF-8.
function spellString(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new ProtocolError('malformed', 'canonical JSON holds well-formed text only');
  return JSON.stringify(text);
}

/** Code-point order, which UTF-16 order is not beyond the basic plane. */
function compareCodePoints(a: string, b: string): number {
  if (!/[\ud800-\udfff]/.test(a) && !/[\ud800-\udfff]/.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return compareBytes(utf8(a), utf8(b));
}
