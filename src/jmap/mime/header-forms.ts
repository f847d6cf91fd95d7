/** The parsed forms of header fields (RFC 8621, section 4.1.2), and which field may be read in which. */
import { type AddressGroup, type EmailAddress, parseAddresses, parseGroupedAddresses, unfold } from './address-list.ts';
import { parseDateField, spellDate } from './dates.ts';
import { decodeEncodedWords } from './encoded-words.ts';
import { stripComments } from './parameters.ts';

export const HEADER_FORMS = ['Raw', 'Text', 'Addresses', 'GroupedAddresses', 'MessageIds', 'Date', 'URLs'] as const;
export type HeaderForm = (typeof HEADER_FORMS)[number];

export type HeaderValue = string | readonly string[] | readonly EmailAddress[] | readonly AddressGroup[] | null;

const ADDRESS_FIELDS = ['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'];
const ADDRESSES = new Set([...ADDRESS_FIELDS, ...ADDRESS_FIELDS.map((name) => `resent-${name}`)]);
const TEXTS = new Set(['subject', 'comments', 'keywords', 'list-id']);
const MESSAGE_IDS = new Set(['message-id', 'in-reply-to', 'references', 'resent-message-id']);
const DATES = new Set(['date', 'resent-date']);
const LISTS = new Set(['list-help', 'list-unsubscribe', 'list-subscribe', 'list-post', 'list-owner', 'list-archive']);
/** All fields that RFC 5322 and RFC 2369 define: others may be read in any form. */
const DEFINED = new Set([
  ...ADDRESSES,
  'subject',
  'comments',
  'keywords',
  ...MESSAGE_IDS,
  ...DATES,
  ...LISTS,
  'return-path',
  'received',
]);

const FIELDS_OF_FORM: Readonly<Record<Exclude<HeaderForm, 'Raw'>, ReadonlySet<string>>> = {
  Text: TEXTS,
  Addresses: ADDRESSES,
  GroupedAddresses: ADDRESSES,
  MessageIds: MESSAGE_IDS,
  Date: DATES,
  URLs: LISTS,
};

export function isFormAllowed(name: string, form: HeaderForm): boolean {
  if (form === 'Raw') return true;
  const lower = name.toLowerCase();
  return FIELDS_OF_FORM[form].has(lower) || !DEFINED.has(lower);
}

export function parseForm(raw: string, form: HeaderForm): HeaderValue {
  switch (form) {
    case 'Raw':
      return raw;
    case 'Text':
      return parseText(raw);
    case 'Addresses':
      return parseAddresses(raw);
    case 'GroupedAddresses':
      return parseGroupedAddresses(raw);
    case 'MessageIds':
      return parseMessageIds(raw);
    case 'Date': {
      const time = parseDateField(stripComments(unfold(raw)));
      return time === undefined ? null : spellDate(time);
    }
    case 'URLs':
      return parseUrls(raw);
  }
}

export function parseText(raw: string): string {
  return decodeEncodedWords(unfold(raw).replace(/^ +/, '')).normalize('NFC');
}

/** Message ids without their brackets; nothing where there are none. Words without brackets count, as old programs wrote them. */
export function parseMessageIds(raw: string): string[] | null {
  const text = stripComments(unfold(raw));
  const bracketed = [...text.matchAll(/<([^<>]*)>/g)]
    .map(([, id = '']) => id.replace(/\s+/g, ''))
    .filter((id) => id !== '');
  if (bracketed.length > 0) return bracketed;
  const bare = text.split(/[\s,]+/).filter((word) => word !== '');
  return bare.length > 0 && bare.every((word) => /^[^\s<>]+@[^\s<>]+$/.test(word)) ? bare : null;
}

function parseUrls(raw: string): string[] | null {
  const urls = [...stripComments(unfold(raw)).matchAll(/<([^<>]*)>/g)].map(([, url = '']) => url.replace(/\s+/g, ''));
  return urls.length === 0 ? null : urls;
}
