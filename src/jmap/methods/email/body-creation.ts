/** The body of an Email that a client creates (RFC 8621, section 4.6): from parts that were judged to a tree to write. */
import { z } from 'zod';
import type { DraftPart } from '../../mime/composer.ts';
import { spellField, spellParameters, spellRawField } from '../../mime/header-writing.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import { isObject } from '../../protocol/request.ts';
import { createHeaders } from './header-creation.ts';

const text = z.string().regex(/^[^\u0000-\u001f\u007f]*$/);
const token = z.string().regex(/^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+$/);
const PART = z.object({
  partId: z.string().nullish(),
  blobId: z.string().nullish(),
  size: z.int().min(0).nullish(),
  name: text.nullish(),
  type: token.nullish(),
  charset: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/)
    .nullish(),
  disposition: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/)
    .nullish(),
  cid: text.regex(/^[^<>\s]+$/).nullish(),
  language: z.array(z.string().regex(/^[A-Za-z0-9-]+$/)).nullish(),
  location: text.nullish(),
  subParts: z.array(z.unknown()).nullish(),
});

const BODY_VALUE = z.strictObject({
  value: z.string(),
  isEncodingProblem: z.literal(false).nullish(),
  isTruncated: z.literal(false).nullish(),
});

const KNOWN = new Set(Object.keys(PART.shape));
/** Which property of a part writes which field. */
const FIELD_OF: Readonly<Record<string, string>> = {
  type: 'content-type',
  charset: 'content-type',
  name: 'content-disposition',
  disposition: 'content-disposition',
  cid: 'content-id',
  language: 'content-language',
  location: 'content-location',
};

export interface BodyCreation {
  readonly root: DraftPart;
  /** Properties of the Email that are wrong. */
  readonly invalid: readonly string[];
  /** Blobs that are not there. */
  readonly missing: readonly string[];
}

/** `blobs` has the octets of every blob that is there; `topNames` are the fields of the Email itself. */
export function createBody(
  email: PlainObject,
  blobs: ReadonlyMap<string, Uint8Array>,
  topNames: ReadonlySet<string>,
): BodyCreation {
  const builder = new BodyBuilder(email, blobs, topNames);
  const root = builder.build();
  return { root, invalid: [...builder.invalid], missing: [...builder.missing] };
}

/** Every blob that the parts name, so that they can be fetched before. */
export function blobIdsOf(email: PlainObject): string[] {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (!isObject(part)) return;
    if (typeof part.blobId === 'string') found.add(part.blobId);
    if (Array.isArray(part.subParts)) part.subParts.forEach(visit);
  };
  visit(email.bodyStructure);
  for (const name of ['textBody', 'htmlBody', 'attachments']) {
    const parts = email[name];
    if (Array.isArray(parts)) parts.forEach(visit);
  }
  return [...found];
}

class BodyBuilder {
  readonly invalid = new Set<string>();
  readonly missing = new Set<string>();
  readonly #email: PlainObject;
  readonly #blobs: ReadonlyMap<string, Uint8Array>;
  readonly #topNames: ReadonlySet<string>;
  readonly #values: PlainObject;

  constructor(email: PlainObject, blobs: ReadonlyMap<string, Uint8Array>, topNames: ReadonlySet<string>) {
    this.#email = email;
    this.#blobs = blobs;
    this.#topNames = topNames;
    this.#values = this.#judgeValues(email.bodyValues);
  }

  build(): DraftPart {
    const { bodyStructure, textBody, htmlBody, attachments } = this.#email;
    if (bodyStructure !== undefined && bodyStructure !== null) {
      for (const name of ['textBody', 'htmlBody', 'attachments'])
        if (this.#email[name] !== undefined && this.#email[name] !== null) this.invalid.add(name);
      return this.#part(bodyStructure, 'bodyStructure', undefined, this.#topNames);
    }
    const bodies = [
      ...this.#single(textBody, 'textBody', 'text/plain'),
      ...this.#single(htmlBody, 'htmlBody', 'text/html'),
    ];
    return this.#assemble(bodies, this.#attachments(attachments));
  }

  /** Embedded images stand beside the HTML that shows them, everything else beside the body. */
  #assemble(bodies: readonly DraftPart[], attachments: readonly Attachment[]): DraftPart {
    const html = bodies.find(({ content }) => content.kind === 'octets' && content.type === 'text/html');
    const embedded =
      html === undefined ? [] : attachments.filter(({ isEmbedded }) => isEmbedded).map(({ part }) => part);
    const others = attachments.filter(({ part }) => !embedded.includes(part)).map(({ part }) => part);
    const shown = bodies.map((body) =>
      body === html && embedded.length > 0 ? multipart('related', [body, ...embedded]) : body,
    );
    const [only] = shown;
    const body = shown.length === 1 ? only : shown.length === 0 ? undefined : multipart('alternative', shown);
    if (others.length === 0) return body ?? this.#empty();
    return multipart('mixed', body === undefined ? others : [body, ...others]);
  }

  #empty(): DraftPart {
    return {
      headers: [spellField('Content-Type', 'text/plain')],
      content: { kind: 'octets', bytes: new Uint8Array(0), type: 'text/plain' },
    };
  }

  #single(value: unknown, property: string, type: string): DraftPart[] {
    if (value === undefined || value === null) return [];
    const [only] = Array.isArray(value) ? value : [];
    if (!Array.isArray(value) || value.length !== 1 || !isObject(only) || (only.type ?? type) !== type) {
      this.invalid.add(property);
      return [];
    }
    return [this.#part(only, property, type)];
  }

  #attachments(value: unknown): Attachment[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.invalid.add('attachments');
      return [];
    }
    return value.map((one: unknown) => ({
      part: this.#part(one, 'attachments'),
      isEmbedded: isObject(one) && one.disposition === 'inline' && typeof one.cid === 'string',
    }));
  }

  #judgeValues(values: unknown): PlainObject {
    if (values === undefined || values === null) return {};
    if (isObject(values) && Object.values(values).every((value) => BODY_VALUE.safeParse(value).success)) return values;
    this.invalid.add('bodyValues');
    return {};
  }

  #part(value: unknown, path: string, implicitType?: string, taken: ReadonlySet<string> = new Set()): DraftPart {
    const parsed = PART.safeParse(value);
    if (!isObject(value) || !parsed.success) {
      const where = parsed.error?.issues[0]?.path.join('/') ?? '';
      this.invalid.add(where === '' ? path : `${path}/${where}`);
      return this.#empty();
    }
    const part = parsed.data;
    for (const name of Object.keys(value))
      if (!KNOWN.has(name) && !name.startsWith('header:')) this.invalid.add(`${path}/${name}`);
    const own = new Set(
      Object.entries(FIELD_OF).flatMap(([name, field]) =>
        value[name] === undefined || value[name] === null ? [] : [field],
      ),
    );
    const headers = createHeaders(
      Object.fromEntries(Object.entries(value).filter(([name]) => name.startsWith('header:'))),
      (name) => own.has(name) || taken.has(name) || name === 'content-transfer-encoding',
    );
    for (const name of headers.invalid) this.invalid.add(`${path}/${name}`);
    const type = (part.type ?? implicitType ?? (part.subParts ? 'multipart/mixed' : 'text/plain')).toLowerCase();
    if (type.startsWith('multipart/'))
      return this.#multipart(part, type, path, [...partFields(part, false), ...headers.fields], headers.names);
    if (part.subParts !== null && part.subParts !== undefined) this.invalid.add(`${path}/subParts`);
    const bytes = this.#content(part, path);
    const contentType = headers.names.has('content-type') ? [] : [typeField(part, type)];
    return {
      headers: [...contentType, ...partFields(part, headers.names.has('content-disposition')), ...headers.fields],
      content: { kind: 'octets', bytes, type },
    };
  }

  #multipart(
    part: Part,
    type: string,
    path: string,
    headers: readonly string[],
    names: ReadonlySet<string>,
  ): DraftPart {
    if (part.partId || part.blobId || names.has('content-type') || !part.subParts?.length) this.invalid.add(path);
    const parts = (part.subParts ?? []).map((sub, index) => this.#part(sub, `${path}/subParts/${index}`));
    return { headers, content: { kind: 'multipart', subtype: type.slice('multipart/'.length), parts } };
  }

  #content(part: Part, path: string): Uint8Array {
    const { partId, blobId, charset, size } = part;
    const hasPart = partId !== null && partId !== undefined;
    const hasBlob = blobId !== null && blobId !== undefined;
    if (hasPart === hasBlob) this.invalid.add(`${path}/${hasPart ? 'blobId' : 'partId'}`);
    if (hasPart) {
      if (charset !== null && charset !== undefined) this.invalid.add(`${path}/charset`);
      if (size !== null && size !== undefined) this.invalid.add(`${path}/size`);
      const value = Object.hasOwn(this.#values, partId) ? (this.#values[partId] as { value: string }) : undefined;
      if (value === undefined) this.invalid.add(`${path}/partId`);
      return Buffer.from((value?.value ?? '').replace(/\r\n|\r|\n/g, '\r\n'));
    }
    const bytes = hasBlob ? this.#blobs.get(blobId) : undefined;
    if (hasBlob && bytes === undefined) this.missing.add(blobId);
    return bytes ?? new Uint8Array(0);
  }
}

type Part = z.output<typeof PART>;

interface Attachment {
  readonly part: DraftPart;
  readonly isEmbedded: boolean;
}

function multipart(subtype: string, parts: readonly DraftPart[]): DraftPart {
  return { headers: [], content: { kind: 'multipart', subtype, parts } };
}

function typeField({ partId, charset, name }: Part, type: string): string {
  const parameters = new Map<string, string>();
  if (partId !== null && partId !== undefined && type.startsWith('text/')) parameters.set('charset', 'utf-8');
  else if (charset !== null && charset !== undefined) parameters.set('charset', charset);
  if (name !== null && name !== undefined) parameters.set('name', name);
  return spellParameters('Content-Type', type, parameters);
}

function partFields({ name, disposition, cid, language, location }: Part, hasDisposition: boolean): string[] {
  const fields: string[] = [];
  if (!hasDisposition && (disposition || name))
    fields.push(
      spellParameters(
        'Content-Disposition',
        disposition ?? 'attachment',
        new Map(name === null || name === undefined ? [] : [['filename', name]]),
      ),
    );
  if (cid) fields.push(spellField('Content-ID', `<${cid}>`));
  if (language && language.length > 0) fields.push(spellField('Content-Language', language.join(', ')));
  if (location) fields.push(spellRawField('Content-Location', location));
  return fields;
}
