/** JSON as RFC 7493 (I-JSON) narrows it: UTF-8, no lone surrogates, no name twice in an object, nesting within reason. */
import { JSON_DEPTH_MAX } from '../limits.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Throws on anything else; the error's text says what is wrong. */
export function parseIJson(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  const value: unknown = JSON.parse(text);
  refuseDuplicates(text);
  return value;
}

/** `text` is JSON. Strings are skipped as wholes, so the pass costs little beside parsing. */
function refuseDuplicates(text: string): void {
  const names: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      const end = stringEnd(text, at);
      const content = text.slice(at + 1, end);
      const decoded: string = content.includes('\\') ? JSON.parse(text.slice(at, end + 1)) : content;
      if (!decoded.isWellFormed()) throw new SyntaxError('a string has half of a surrogate pair');
      at = end;
      if (isName(text, end + 1)) note(names.at(-1), decoded);
    } else if (code === 0x7b || code === 0x5b) {
      names.push(code === 0x7b ? new Set() : undefined);
      if (names.length > JSON_DEPTH_MAX) throw new SyntaxError('nested too deep');
    } else if (code === 0x7d || code === 0x5d) names.pop();
  }
}

function note(names: Set<string> | undefined, name: string): void {
  if (names?.has(name)) throw new SyntaxError(`the name ${JSON.stringify(name)} stands twice in an object`);
  names?.add(name);
}

function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

/** A colon follows a name, and nothing else. */
function isName(text: string, at: number): boolean {
  let next = at;
  while (text.charCodeAt(next) <= 0x20) next++;
  return text.charCodeAt(next) === 0x3a;
}
