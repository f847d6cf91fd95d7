/** The standard `/get` (RFC 8620, section 5.1). */
import { z } from 'zod';
import { CORE_LIMITS } from '../../limits.ts';
import { id, idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { MethodError } from '../../protocol/errors.ts';
import { type Call, resolveId } from '../call.ts';

export const getArguments = z.strictObject({
  accountId: id,
  ids: z.array(idOrReference).nullish(),
  properties: z.array(z.string()).nullish(),
});

export type GetArguments = z.output<typeof getArguments>;

export function parseGet(args: unknown): GetArguments {
  return parseArguments(getArguments, args);
}

export type JmapObject = Readonly<Record<string, unknown>>;

/** The ids that are asked for, each once; all when none are named. Refuses more than the server promised. */
export function wantedIds(
  call: Call,
  asked: readonly string[] | null | undefined,
  all: () => Iterable<string>,
): readonly string[] {
  const ids = new Set<string>();
  for (const one of asked?.map((each) => resolveId(call, each) ?? each) ?? all()) {
    ids.add(one);
    if (ids.size > CORE_LIMITS.maxObjectsInGet)
      throw new MethodError('requestTooLarge', `at most ${CORE_LIMITS.maxObjectsInGet} objects at once`);
  }
  return [...ids];
}

/** The named properties, or all; `id` is always one. Refuses names that the type lacks. */
export function wantedProperties(
  asked: readonly string[] | null | undefined,
  known: readonly string[],
): readonly string[] {
  if (asked === null || asked === undefined) return known;
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new MethodError('invalidArguments', `no property ${JSON.stringify(unknown)}`, { arguments: ['properties'] });
  return asked.includes('id') ? asked : ['id', ...asked];
}

export function pick(object: JmapObject, properties: readonly string[]): JmapObject {
  return Object.fromEntries(properties.map((name) => [name, object[name]]));
}

/** Reads each id; those that are not there are told. */
export function listOf(
  ids: readonly string[],
  read: (id: string) => JmapObject | undefined,
): { list: JmapObject[]; notFound: string[] } {
  const list: JmapObject[] = [];
  const notFound: string[] = [];
  for (const one of ids) {
    const object = read(one);
    if (object === undefined) notFound.push(one);
    else list.push(object);
  }
  return { list, notFound };
}
