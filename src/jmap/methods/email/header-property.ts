/** Properties that name a header field: `header:{name}[:as{form}][:all]` (RFC 8621, section 4.1.3). */
import type { HeaderField } from '../../mime/header-block.ts';
import { HEADER_FORMS, type HeaderForm, type HeaderValue, isFormAllowed, parseForm } from '../../mime/header-forms.ts';

export interface HeaderProperty {
  readonly name: string;
  readonly form: HeaderForm;
  readonly all: boolean;
}

/** Undefined if the property is no such one, or asks for a form that the field does not have. */
export function parseHeaderProperty(property: string): HeaderProperty | undefined {
  const match = /^header:([\x21-\x39\x3b-\x7e]+)(?::as([A-Za-z]+))?(:all)?$/.exec(property);
  if (match === null) return undefined;
  const [, name = '', formName = 'Raw', all] = match;
  const form = HEADER_FORMS.find((known) => known === formName);
  if (form === undefined || !isFormAllowed(name, form)) return undefined;
  return { name, form, all: all !== undefined };
}

export function readHeaderProperty(
  fields: readonly HeaderField[],
  { name, form, all }: HeaderProperty,
): HeaderValue | readonly HeaderValue[] {
  const lower = name.toLowerCase();
  const found = fields.filter((field) => field.name.toLowerCase() === lower);
  if (all) return found.map(({ value }) => parseForm(value, form));
  const last = found.at(-1);
  return last === undefined ? null : parseForm(last.value, form);
}

/** The properties that stand for a header field, as the field they stand for. */
export const HEADER_SHORTHANDS: Readonly<Record<string, HeaderProperty>> = Object.freeze({
  messageId: { name: 'Message-ID', form: 'MessageIds', all: false },
  inReplyTo: { name: 'In-Reply-To', form: 'MessageIds', all: false },
  references: { name: 'References', form: 'MessageIds', all: false },
  sender: { name: 'Sender', form: 'Addresses', all: false },
  from: { name: 'From', form: 'Addresses', all: false },
  to: { name: 'To', form: 'Addresses', all: false },
  cc: { name: 'Cc', form: 'Addresses', all: false },
  bcc: { name: 'Bcc', form: 'Addresses', all: false },
  replyTo: { name: 'Reply-To', form: 'Addresses', all: false },
  subject: { name: 'Subject', form: 'Text', all: false },
  sentAt: { name: 'Date', form: 'Date', all: false },
});
