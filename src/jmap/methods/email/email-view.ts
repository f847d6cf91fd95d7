/** An Email as JMAP shows it (RFC 8621, section 4.1): from the store's row, and from the message where that is needed. */
import { z } from 'zod';
import { spellUtcDate } from '../../mime/dates.ts';
import type { HeaderField } from '../../mime/header-block.ts';
import { unsigned } from '../../protocol/arguments.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { EmailRecord } from '../../store/records.ts';
import { type BodyOptions, type BodyView, MORE_PART_PROPERTIES, PART_PROPERTIES } from './body-view.ts';
import { HEADER_SHORTHANDS, parseHeaderProperty, readHeaderProperty } from './header-property.ts';

/** What the store keeps beside each email. */
export const METADATA = ['id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt'];
const FROM_HEADER = Object.keys(HEADER_SHORTHANDS);
const FROM_BODY = ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments'];
const KNOWN = new Set([...METADATA, ...FROM_HEADER, ...FROM_BODY, 'headers', 'hasAttachment', 'preview']);

/** Of Email/get, when none are named (RFC 8621, section 4.2). */
export const DEFAULT_PROPERTIES = [
  ...METADATA,
  ...FROM_HEADER,
  'hasAttachment',
  'preview',
  'bodyValues',
  'textBody',
  'htmlBody',
  'attachments',
];

export const bodyArguments = {
  bodyProperties: z.array(z.string()).nullish(),
  fetchTextBodyValues: z.boolean().nullish(),
  fetchHTMLBodyValues: z.boolean().nullish(),
  fetchAllBodyValues: z.boolean().nullish(),
  maxBodyValueBytes: unsigned.nullish(),
};

type BodyArguments = z.output<z.ZodObject<typeof bodyArguments>>;

/** Refuses properties that a part does not have. */
export function bodyOptionsOf(args: BodyArguments): BodyOptions {
  const bodyProperties = args.bodyProperties ?? PART_PROPERTIES;
  const known: readonly string[] = [...PART_PROPERTIES, ...MORE_PART_PROPERTIES];
  refuse(bodyProperties, 'bodyProperties', (name) => known.includes(name) || parseHeaderProperty(name) !== undefined);
  return {
    bodyProperties,
    fetchTextBodyValues: args.fetchTextBodyValues ?? false,
    fetchHTMLBodyValues: args.fetchHTMLBodyValues ?? false,
    fetchAllBodyValues: args.fetchAllBodyValues ?? false,
    maxBodyValueBytes: args.maxBodyValueBytes ?? 0,
  };
}

export function isEmailProperty(name: string): boolean {
  return KNOWN.has(name) || parseHeaderProperty(name) !== undefined;
}

export function judgeProperties(properties: readonly string[]): readonly string[] {
  refuse(properties, 'properties', isEmailProperty);
  return properties;
}

function refuse(names: readonly string[], argument: string, isKnown: (name: string) => boolean): void {
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined)
    throw new MethodError('invalidArguments', `no property ${JSON.stringify(unknown)}`, { arguments: [argument] });
}

export function needsBody(properties: readonly string[]): boolean {
  return properties.some((name) => FROM_BODY.includes(name));
}

/** What an Email is shown from; the header and the body are read only when a property needs them. */
export interface EmailParts {
  readonly email: EmailRecord;
  readonly fields: () => readonly HeaderField[];
  readonly body: BodyView | undefined;
}

export function emailObject(
  parts: EmailParts,
  properties: readonly string[],
  options: BodyOptions,
): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  let fields: readonly HeaderField[] | undefined;
  const readFields = (): readonly HeaderField[] => (fields ??= parts.fields());
  for (const name of properties) shown[name] = emailProperty(parts, name, options, readFields);
  return shown;
}

function emailProperty(
  { email, body }: EmailParts,
  name: string,
  options: BodyOptions,
  fields: () => readonly HeaderField[],
): unknown {
  switch (name) {
    case 'id':
    case 'blobId':
    case 'threadId':
    case 'size':
    case 'hasAttachment':
    case 'preview':
      return email[name];
    case 'mailboxIds':
      return setOf(email.mailboxIds);
    case 'keywords':
      return setOf(email.keywords);
    case 'receivedAt':
      return spellUtcDate(email.receivedAt);
    case 'headers':
      return fields();
    default:
      if (Object.hasOwn(HEADER_SHORTHANDS, name)) return email.envelope[name as keyof typeof email.envelope];
      if (FROM_BODY.includes(name)) return body?.property(name, options) ?? null;
      return headerOf(name, fields());
  }
}

export function headerOf(name: string, fields: readonly HeaderField[]): unknown {
  const property = parseHeaderProperty(name);
  return property === undefined ? null : readHeaderProperty(fields, property);
}

export function setOf(items: readonly string[]): Record<string, true> {
  return Object.fromEntries(items.map((item) => [item, true]));
}
