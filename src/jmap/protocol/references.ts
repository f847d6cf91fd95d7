/** Arguments that are taken from the result of an earlier call (RFC 8620, section 3.7). */
import { MethodError } from './errors.ts';

/** A response: its name, its arguments, and the id of the call that it answers. */
export type Invocation = readonly [name: string, args: Readonly<Record<string, unknown>>, id: string];

/** Replaces each `#name` by what it refers to. */
export function resolveReferences(
  args: Readonly<Record<string, unknown>>,
  responses: readonly Invocation[],
): Record<string, unknown> {
  const resolved: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith('#')) {
      define(resolved, name, value);
      continue;
    }
    const plain = name.slice(1);
    if (Object.hasOwn(args, plain))
      throw new MethodError('invalidArguments', `${plain} is given both as a value and as a reference`);
    define(resolved, plain, resolve(value, responses));
  }
  return resolved;
}

/** `__proto__` is a name like any other. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function resolve(reference: unknown, responses: readonly Invocation[]): unknown {
  const { resultOf, name, path } = (reference ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof resultOf !== 'string' || typeof name !== 'string' || typeof path !== 'string')
    throw new MethodError('invalidResultReference', 'a reference has resultOf, name and path, each a string');
  const response = responses.find(([, , id]) => id === resultOf);
  if (response === undefined) throw new MethodError('invalidResultReference', `no call ${resultOf} comes before`);
  if (response[0] !== name)
    throw new MethodError('invalidResultReference', `the response to ${resultOf} is ${response[0]}, not ${name}`);
  if (path !== '' && !path.startsWith('/'))
    throw new MethodError('invalidResultReference', `${path} is no JSON pointer`);
  return walk(response[1], path === '' ? [] : path.slice(1).split('/').map(pointerToken), path);
}

/** RFC 6901, with `*` for every item of an array; arrays that items yield are joined. */
function walk(value: unknown, tokens: readonly string[], path: string): unknown {
  const [token, ...rest] = tokens;
  if (token === undefined) return value;
  if (Array.isArray(value)) {
    if (token === '*') {
      const results = value.map((item) => walk(item, rest, path));
      return results.flatMap((result) => (Array.isArray(result) ? result : [result]));
    }
    if (/^(0|[1-9]\d*)$/.test(token) && Number(token) < value.length) return walk(value[Number(token)], rest, path);
  } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, token))
    return walk((value as Record<string, unknown>)[token], rest, path);
  throw new MethodError('invalidResultReference', `${path} leads nowhere`);
}

function pointerToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}
