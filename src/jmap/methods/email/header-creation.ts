/** Header fields of an Email or part that a client creates (RFC 8621, section 4.6): each judged, then written. */
import { z } from 'zod';
import { parseJmapDate } from '../../mime/dates.ts';
import {
  spellAddresses,
  spellGroups,
  spellMessageIds,
  spellRawField,
  spellText,
  spellTime,
  spellUrls,
} from '../../mime/header-writing.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import { HEADER_SHORTHANDS, type HeaderProperty, parseHeaderProperty } from './header-property.ts';

const safe = z.string().regex(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/, 'control characters are not for header fields');
const address = z.strictObject({ name: safe.nullish(), email: safe.regex(/^[^<>,;]*$|^"/) });
const addresses = z.array(address.transform(({ name, email }) => ({ name: name ?? null, email })));
// A line break only where a line goes on, and no NUL.
const raw = z.string().regex(/^(?:[^\u0000\r\n]|\r\n(?=[ \t]))*$/, 'line breaks only where the value is folded');

const WRITERS: Readonly<Record<HeaderProperty['form'], (name: string, value: unknown) => string>> = {
  Raw: (name, value) => spellRawField(name, raw.parse(value)),
  Text: (name, value) => spellText(name, safe.parse(value)),
  Addresses: (name, value) => spellAddresses(name, addresses.parse(value)),
  GroupedAddresses: (name, value) =>
    spellGroups(
      name,
      z
        .array(
          z
            .strictObject({ name: safe.nullish(), addresses })
            .transform((group) => ({ ...group, name: group.name ?? null })),
        )
        .parse(value),
    ),
  MessageIds: (name, value) =>
    spellMessageIds(name, z.array(z.string().regex(/^[^\s<>\u0000-\u001f\u007f]+$/)).parse(value)),
  Date: (name, value) => {
    const time = parseJmapDate(z.string().parse(value), false);
    if (time === undefined) throw new z.ZodError([]);
    return spellTime(name, time);
  },
  URLs: (name, value) => spellUrls(name, z.array(z.string().regex(/^[^\s<>\u0000-\u001f\u007f]+$/)).parse(value)),
};

export interface CreatedHeaders {
  /** Written fields in the order of the properties. */
  readonly fields: readonly string[];
  /** Lower-case names. */
  readonly names: ReadonlySet<string>;
  /** Properties that are wrong. */
  readonly invalid: readonly string[];
}

/** Of `object`, the properties that stand for header fields. `taken` are fields that may not be named here. */
export function createHeaders(object: PlainObject, taken: (lowerName: string) => boolean): CreatedHeaders {
  const fields: string[] = [];
  const names = new Set<string>();
  const invalid: string[] = [];
  for (const [property, value] of Object.entries(object)) {
    const header = Object.hasOwn(HEADER_SHORTHANDS, property)
      ? HEADER_SHORTHANDS[property]
      : parseHeaderProperty(property);
    if (header === undefined) {
      if (property.startsWith('header:')) invalid.push(property);
      continue;
    }
    const lower = header.name.toLowerCase();
    if (names.has(lower) || taken(lower)) {
      invalid.push(property);
      continue;
    }
    names.add(lower);
    const spelled = spell(header, value);
    if (spelled === undefined) invalid.push(property);
    else fields.push(...spelled);
  }
  return { fields, names, invalid };
}

/** Null, and a list of no instances, write nothing. */
function spell({ name, form, all }: HeaderProperty, value: unknown): string[] | undefined {
  if (value === null) return [];
  if (all && !Array.isArray(value)) return undefined;
  try {
    return (all ? (value as unknown[]) : [value]).map((one) => WRITERS[form](name, one));
  } catch (error) {
    if (error instanceof z.ZodError) return undefined;
    throw error;
  }
}
