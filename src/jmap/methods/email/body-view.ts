/** The body of a message as JMAP shows it (RFC 8621, section 4.1.4): parts, their texts, and which are the body. */
import { partBlobId } from '../../blobs/blob-id.ts';
import type { RemoteContent } from '../../blobs/ports.ts';
import { bodyListsOf, hasAttachment } from '../../mime/body-lists.ts';
import { previewOf, readMessage, textOfPart } from '../../mime/message-reading.ts';
import { type MimePart, readStructure } from '../../mime/structure.ts';
import { decodedSize, decodeTransfer } from '../../mime/transfer.ts';
import { parseHeaderProperty, readHeaderProperty } from './header-property.ts';

export const PART_PROPERTIES = [
  'partId',
  'blobId',
  'size',
  'name',
  'type',
  'charset',
  'disposition',
  'cid',
  'language',
  'location',
] as const;
/** Those that a client has to ask for. */
export const MORE_PART_PROPERTIES = ['headers', 'subParts'];

export interface BodyOptions {
  readonly bodyProperties: readonly string[];
  readonly fetchTextBodyValues: boolean;
  readonly fetchHTMLBodyValues: boolean;
  readonly fetchAllBodyValues: boolean;
  readonly maxBodyValueBytes: number;
}

/** What a part of that media type and decoded content stands for, where its octets are elsewhere. */
export type RemoteOf = (type: string, content: () => Uint8Array) => RemoteContent | undefined;

/** A raw message, read once for whatever is asked of it. Parts that stand for others are shown as what they stand for. */
export class BodyView {
  readonly structure: MimePart;
  readonly #raw: Uint8Array;
  readonly #blobId: string;
  readonly #remote = new Map<MimePart, RemoteContent>();

  constructor(raw: Uint8Array, blobId: string, remoteOf: RemoteOf) {
    this.#raw = raw;
    this.#blobId = blobId;
    this.structure = this.#withRemote(readStructure(raw), remoteOf);
  }

  property(name: string, options: BodyOptions): unknown {
    switch (name) {
      case 'bodyStructure':
        return this.#part(this.structure, options.bodyProperties, true);
      case 'textBody':
      case 'htmlBody':
      case 'attachments':
        return bodyListsOf(this.structure)[name].map((part) => this.#part(part, options.bodyProperties, false));
      case 'bodyValues':
        return this.#bodyValues(options);
      case 'hasAttachment':
        return hasAttachment(bodyListsOf(this.structure));
      case 'preview':
        return previewOf(readMessage(this.#raw).text);
      default:
        throw new Error(`invariant broken: ${name} is no property of a body`);
    }
  }

  #withRemote(part: MimePart, remoteOf: RemoteOf): MimePart {
    if (part.subParts !== undefined)
      return { ...part, subParts: part.subParts.map((sub) => this.#withRemote(sub, remoteOf)) };
    const remote = remoteOf(part.type, () => decodeTransfer(this.#raw.subarray(part.start, part.end), part.encoding));
    if (remote === undefined) return part;
    const { name, type } = remote;
    // Nothing of it can be shown with the text: without a word to the contrary it is for downloading.
    const shown = { ...part, name, type, charset: null, disposition: part.disposition ?? 'attachment' };
    this.#remote.set(shown, remote);
    return shown;
  }

  #part(part: MimePart, properties: readonly string[], isTree: boolean): Record<string, unknown> {
    const shown: Record<string, unknown> = {};
    for (const name of properties) if (name !== 'subParts') shown[name] = this.#partProperty(part, name);
    if (part.subParts !== undefined && isTree)
      shown.subParts = part.subParts.map((sub) => this.#part(sub, properties, true));
    else if (properties.includes('subParts')) shown.subParts = null;
    return shown;
  }

  #partProperty(part: MimePart, name: string): unknown {
    switch (name) {
      case 'blobId':
        return part.partId === null
          ? null
          : partBlobId({ parent: this.#blobId, ...part, isRemote: this.#remote.has(part) });
      case 'size':
        return this.#remote.get(part)?.size ?? decodedSize(this.#raw.subarray(part.start, part.end), part.encoding);
      case 'partId':
      case 'headers':
      case 'name':
      case 'type':
      case 'charset':
      case 'disposition':
      case 'cid':
      case 'language':
      case 'location':
        return part[name];
      default: {
        const property = parseHeaderProperty(name);
        return property === undefined ? null : readHeaderProperty(part.headers, property);
      }
    }
  }

  #bodyValues(options: BodyOptions): Record<string, unknown> {
    const { textBody, htmlBody } = bodyListsOf(this.structure);
    const wanted = new Set<MimePart>();
    if (options.fetchTextBodyValues) for (const part of textBody) wanted.add(part);
    if (options.fetchHTMLBodyValues) for (const part of htmlBody) wanted.add(part);
    if (options.fetchAllBodyValues) for (const part of leavesOf(this.structure)) wanted.add(part);
    const values: Record<string, unknown> = {};
    for (const part of wanted) {
      if (part.partId === null || !part.type.startsWith('text/') || this.#remote.has(part)) continue;
      const { value, isEncodingProblem } = textOfPart(this.#raw, part);
      const cut = truncate(value.toWellFormed(), options.maxBodyValueBytes, part.type === 'text/html');
      values[part.partId] = { value: cut, isEncodingProblem, isTruncated: cut.length < value.length };
    }
    return values;
  }
}

function* leavesOf(part: MimePart): Generator<MimePart> {
  if (part.subParts === undefined) yield part;
  else for (const sub of part.subParts) yield* leavesOf(sub);
}

/** At most `octetsMax` octets of UTF-8, whole characters, and not within a tag of HTML; all of it for 0. */
export function truncate(text: string, octetsMax: number, isHtml: boolean): string {
  if (octetsMax === 0 || text.length * 3 <= octetsMax) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= octetsMax) return text;
  let end = octetsMax;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  const cut = bytes.toString('utf8', 0, end);
  const open = isHtml ? cut.lastIndexOf('<') : -1;
  return open >= 0 && cut.indexOf('>', open) < 0 ? cut.slice(0, open) : cut;
}
