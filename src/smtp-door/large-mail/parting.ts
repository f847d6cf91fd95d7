/**
 * A message that is larger than a body, in two: what fits, and contents that go beside it (docs/protocol/blobs.md). As a rule its
 * largest attachments go, and the rest stays readable; a message of which that is not enough goes as one attachment, whole.
 * Whoever has both halves can write the message again to the octet. Pure.
 */
import { concatBytes, utf8 } from '../../base/index.ts';
import {
  ATTACHED_MAX,
  ATTACHMENT_NAME_CHARACTERS_MAX,
  encodeManifest,
  encodePartField,
  MANIFEST_TYPE,
  type Manifest,
  MESSAGE_FIELD,
} from '../../protocol/index.ts';
import { type HeaderField, splitMessage } from '../header-fields.ts';
import { PART_HEADER_BYTES_MAX, PART_LEFT_BYTES } from '../limits.ts';
import { type Base64Content, decodeBase64, judgeBase64 } from './base64-layout.ts';
import { attachmentsIn, type MimeLeaf } from './mime-leaves.ts';

/** What goes beside the message. */
export interface Content {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  /** In pieces of any length; may be called again. */
  open(): Iterable<Uint8Array>;
}

export interface PartedMessage {
  readonly contents: readonly Content[];
  /** The message with a manifest in the place of each content, in their order. */
  readonly rest: (manifests: readonly Manifest[]) => Uint8Array;
}

interface Detached {
  readonly leaf: MimeLeaf;
  readonly content: Base64Content;
}

export function partMessage(message: Buffer, bytesMax: number): PartedMessage {
  if (message.length <= bytesMax) return { contents: [], rest: () => message };
  const detached = largestOf(message, bytesMax);
  return detached === undefined ? wholeOf(message) : withoutParts(message, detached);
}

/** Undefined: what could go is not enough. */
function largestOf(message: Buffer, bytesMax: number): readonly Detached[] | undefined {
  const leaves = [...attachmentsIn(message)].sort((a, b) => b.end - b.start - (a.end - a.start));
  const detached: Detached[] = [];
  let left = message.length;
  for (const leaf of leaves) {
    if (left <= bytesMax || detached.length === ATTACHED_MAX) break;
    const headerBytes = leaf.start - leaf.from;
    const gained = leaf.end - leaf.start - PART_LEFT_BYTES - 2 * headerBytes;
    if (headerBytes > PART_HEADER_BYTES_MAX || gained <= 0) continue;
    const content = judgeBase64(message.subarray(leaf.start, leaf.end));
    if (content === undefined) continue;
    left -= gained;
    detached.push({ leaf, content });
  }
  return left > bytesMax ? undefined : detached.sort((a, b) => a.leaf.from - b.leaf.from);
}

function withoutParts(message: Buffer, detached: readonly Detached[]): PartedMessage {
  const contents = detached.map(({ content, leaf: { end, name, start, type } }) => ({
    name: name.slice(0, ATTACHMENT_NAME_CHARACTERS_MAX).toWellFormed(),
    type: type.slice(0, ATTACHMENT_NAME_CHARACTERS_MAX),
    size: content.size,
    open: () => decodeBase64(message.subarray(start, end), content),
  }));
  const rest = (manifests: readonly Manifest[]): Uint8Array => {
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const [i, { content, leaf }] of detached.entries()) {
      const manifest = manifests[i];
      if (manifest === undefined) throw new RangeError('each content has a manifest');
      const layout = { ...content, header: message.subarray(leaf.from, leaf.start) };
      pieces.push(
        message.subarray(at, leaf.from),
        ...leaf.otherFields.map(({ octets }) => octets),
        utf8(encodePartField(layout)),
        manifestContent(manifest),
      );
      at = leaf.end;
    }
    return concatBytes(...pieces, message.subarray(at));
  };
  return { contents, rest };
}

const BOUNDARY = 'restante-whole-message';
/** What lists and threads are made of. */
const KEPT = new Set([
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'subject', 'date', 'message-id', 'in-reply-to', 'references'],
  ...['list-id', 'list-unsubscribe', 'auto-submitted', 'precedence'],
]);

function wholeOf(message: Buffer): PartedMessage {
  const content: Content = {
    name: 'message.eml',
    type: 'message/rfc822',
    size: message.length,
    open: () => [message],
  };
  const fields = splitMessage(message).fields.filter(({ name }) => KEPT.has(name));
  return { contents: [content], rest: ([manifest]) => restOfWhole(fields, manifest) };
}

function restOfWhole(fields: readonly HeaderField[], manifest: Manifest | undefined): Uint8Array {
  if (manifest === undefined) throw new RangeError('each content has a manifest');
  const open = [
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
    '',
    `--${BOUNDARY}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'This message is too large to be shown. It is attached, as it came.',
    '',
    `--${BOUNDARY}`,
    'Content-Disposition: attachment; filename="message.eml"',
    '',
  ].join('\r\n');
  return concatBytes(
    utf8(`${MESSAGE_FIELD}: whole\r\n`),
    ...fields.map(({ octets }) => octets),
    utf8(open),
    manifestContent(manifest),
    utf8(`\r\n--${BOUNDARY}--\r\n`),
  );
}

/** The rest of a part's header, and its content, whose last line has no end. */
function manifestContent(manifest: Manifest): Uint8Array {
  const lines =
    Buffer.from(encodeManifest(manifest))
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  return utf8(`Content-Type: ${MANIFEST_TYPE}\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines.join('\r\n')}`);
}
