/** Patch objects (RFC 8620, section 5.3): changes of an object by JSON pointers into it. */
import { SetError } from './errors.ts';
import { isObject } from './request.ts';

export type PlainObject = Readonly<Record<string, unknown>>;

/**
 * The object with the patch applied. `defaults` says what a property is after it was set to null; others are removed from
 * within objects, and null at the top. Throws SetError `invalidPatch`.
 */
export function applyPatch(
  object: PlainObject,
  patch: PlainObject,
  defaults: PlainObject = {},
): Record<string, unknown> {
  const paths = Object.keys(patch);
  refusePrefixes(paths);
  const patched: Record<string, unknown> = { ...object };
  const copied = new Set<object>();
  for (const path of paths) {
    const tokens = path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    const value = patch[path];
    const [first = ''] = tokens;
    if (tokens.length === 1)
      put(patched, first, value === null && Object.hasOwn(defaults, first) ? defaults[first] : value);
    else putWithin(patched, tokens, value, copied);
  }
  return patched;
}

function putWithin(
  patched: Record<string, unknown>,
  tokens: readonly string[],
  value: unknown,
  copied: Set<object>,
): void {
  let target = patched;
  for (const token of tokens.slice(0, -1)) {
    const inner = Object.hasOwn(target, token) ? target[token] : undefined;
    if (!isObject(inner))
      throw new SetError('invalidPatch', `${tokens.join('/')} leads through ${token}, which is no object`);
    // Copied once: the object that is patched must not change.
    const own = copied.has(inner) ? (inner as Record<string, unknown>) : { ...inner };
    copied.add(own);
    put(target, token, own);
    target = own;
  }
  const last = tokens.at(-1) ?? '';
  if (value === null) delete target[last];
  else put(target, last, value);
}

/** `__proto__` is a name like any other. */
function put(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function refusePrefixes(paths: readonly string[]): void {
  const all = new Set(paths);
  for (const path of paths)
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1))
      if (all.has(path.slice(0, slash)))
        throw new SetError('invalidPatch', `${path.slice(0, slash)} and ${path} are both patched`);
}

/** JSON values alike; the order of names does not matter. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => isSameJson(item, b[at]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]))
  );
}
