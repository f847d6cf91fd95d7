/** Header values with parameters: `type; name=value` (RFC 2045), with continuations and character sets (RFC 2231). */
import { unfold } from './address-list.ts';
import { decodeCharset } from './charset.ts';
import { decodeEncodedWords } from './encoded-words.ts';

export interface ParameterizedValue {
  /** Lower case, without comments. */
  readonly value: string;
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/g;

export function parseParameters(raw: string): ParameterizedValue {
  const text = stripComments(unfold(raw));
  const value = (/^\s*([^;\s]*)/.exec(text)?.[1] ?? '').toLowerCase();
  // Some programs leave the first semicolon out.
  const rest = text
    .trimStart()
    .slice(value.length)
    .replace(/^\s+(?=[^\s;])/, ';');
  const pieces = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of rest.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!pieces.has(key)) pieces.set(key, quoted === undefined ? bare.trim() : quoted.replace(/\\(.)/g, '$1'));
  }
  return { value, parameters: joinContinuations(pieces) };
}

function joinContinuations(pieces: ReadonlyMap<string, string>): Map<string, string> {
  const parameters = new Map<string, string>();
  const continued = new Map<string, { index: number; isEncoded: boolean; text: string }[]>();
  for (const [key, text] of pieces) {
    const match = /^([^*]+)\*(?:(\d{1,4})(\*)?)?$/.exec(key);
    const name = match?.[1];
    if (match === null || name === undefined) {
      parameters.set(key, decodeEncodedWords(text));
      continue;
    }
    const list = continued.get(name) ?? [];
    list.push({ index: Number(match[2] ?? 0), isEncoded: match[2] === undefined || match[3] === '*', text });
    continued.set(name, list);
  }
  for (const [name, list] of continued) parameters.set(name, decodeExtended(list));
  return parameters;
}

function decodeExtended(list: { index: number; isEncoded: boolean; text: string }[]): string {
  list.sort((a, b) => a.index - b.index);
  let charset: string | undefined;
  const bytes: Uint8Array[] = [];
  for (const [position, { isEncoded, text }] of list.entries()) {
    let rest = text;
    if (position === 0 && isEncoded) {
      const match = /^([^']*)'[^']*'/.exec(text);
      if (match !== null) {
        charset = match[1] === '' ? undefined : match[1];
        rest = text.slice(match[0].length);
      }
    }
    bytes.push(isEncoded ? percentDecoded(rest) : Buffer.from(rest));
  }
  return decodeCharset(Buffer.concat(bytes), charset).text;
}

function percentDecoded(text: string): Uint8Array {
  const parts = text.split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(
    parts.map((part) =>
      /^%[0-9A-Fa-f]{2}$/.test(part) ? Buffer.of(Number.parseInt(part.slice(1), 16)) : Buffer.from(part),
    ),
  );
}

/** Takes comments away, but not what looks like one within quotes. */
export function stripComments(text: string): string {
  if (!text.includes('(')) return text;
  let kept = '';
  let depth = 0;
  let inQuotes = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (character === '\\' && (inQuotes || depth > 0)) {
      if (depth === 0) kept += character + (text[i + 1] ?? '');
      i++;
    } else if (character === '"' && depth === 0) {
      inQuotes = !inQuotes;
      kept += character;
    } else if (!inQuotes && character === '(') depth++;
    else if (!inQuotes && character === ')' && depth > 0) depth--;
    else if (depth === 0) kept += character;
  }
  return kept;
}
