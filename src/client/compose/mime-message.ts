/**
 * A message as MIME (RFC 5322, 2045-2049): the plaintext that is signed and encrypted. All headers are inside, so the
 * subject is protected (draft-autocrypt-lamps-protected-headers: the part that carries them says so).
 */
import { concatBytes, toHex, utf8 } from '../../base/index.ts';
import {
  base64Lines,
  crlf,
  listHeader,
  mailDate,
  parameter,
  phrase,
  quotedPrintable,
  textHeader,
} from './mime-text.ts';

export interface Mailbox {
  readonly name?: string;
  readonly address: string;
}

export interface Attachment {
  readonly name: string;
  /** Default: application/octet-stream. */
  readonly type?: string;
  readonly content: Uint8Array;
}

export interface MimeMessage {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly bcc: readonly Mailbox[];
  readonly subject: string;
  readonly text: string;
  readonly attachments: readonly Attachment[];
  /** With angle brackets. */
  readonly messageId: string;
  readonly inReplyTo?: string;
  readonly references: readonly string[];
  /** Milliseconds since 1970. */
  readonly date: number;
}

/** `boundarySeed`: 16 random bytes, so that no content can hold the boundary by chance or design. */
export function encodeMime(message: MimeMessage, boundarySeed: Uint8Array): Uint8Array {
  if (message.attachments.length === 0) return concatBytes(utf8(headers(message)), utf8(textPart(message.text)));
  return concatBytes(
    ...mimeAround(message, message.attachments, boundarySeed).map((piece) =>
      piece instanceof Uint8Array ? piece : encodeContent(piece.type, piece.name, piece.content),
    ),
  );
}

/** As `encodeMime`, with each of these in the place of what says its type and of its content. */
export function mimeAround<Placed extends { readonly name: string }>(
  message: Omit<MimeMessage, 'attachments'>,
  placed: readonly Placed[],
  boundarySeed: Uint8Array,
): readonly (Uint8Array | Placed)[] {
  const boundary = `=_${toHex(boundarySeed)}`;
  const type = `Content-Type: multipart/mixed; protected-headers="v1"${parameter('boundary', boundary)}\r\n\r\n`;
  return [
    utf8(`${headers(message)}${type}--${boundary}\r\n${textPart(message.text)}\r\n`),
    ...placed.flatMap((one) => [
      utf8(`--${boundary}\r\nContent-Disposition: attachment${parameter('filename', one.name)}\r\n`),
      one,
      utf8('\r\n'),
    ]),
    utf8(`--${boundary}--\r\n`),
  ];
}

function headers(message: Omit<MimeMessage, 'attachments'>): string {
  const lines = [
    `Date: ${mailDate(message.date)}\r\n`,
    listHeader('From', [mailbox(message.from)]),
    ...(['To', 'Cc', 'Bcc'] as const).map((name) => {
      const list = message[name.toLowerCase() as 'to' | 'cc' | 'bcc'];
      return list.length === 0 ? '' : listHeader(name, list.map(mailbox));
    }),
    textHeader('Subject', message.subject),
    listHeader('Message-ID', [message.messageId]),
    message.inReplyTo === undefined ? '' : listHeader('In-Reply-To', [message.inReplyTo]),
    message.references.length === 0 ? '' : `References: ${message.references.join('\r\n ')}\r\n`,
    'MIME-Version: 1.0\r\n',
  ];
  return lines.join('');
}

/** Always in angle brackets: bare, the port of a loopback home would make `alice@localhost:7896` the name of a group. */
function mailbox({ name, address }: Mailbox): string {
  return name === undefined || name === '' ? `<${address}>` : `${phrase(name)} <${address}>`;
}

/** Seven-bit where it already is, so that people can read the raw message; quoted-printable else. */
function textPart(text: string): string {
  const plain = crlf(text.toWellFormed());
  const sevenBit = /^[\t\r\n\x20-\x7e]*$/.test(plain) && !/[^\r\n]{79}/.test(plain);
  const encoding = sevenBit ? '7bit' : 'quoted-printable';
  return (
    'Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\n' +
    `Content-Transfer-Encoding: ${encoding}\r\n\r\n` +
    (sevenBit ? plain : quotedPrintable(plain))
  );
}

/** How the content of a part stands in a message, with what the header says of it. */
export function encodeContent(type: string | undefined, name: string, content: Uint8Array): Uint8Array {
  return utf8(`${contentHeader(type, name)}${base64Lines(content)}`);
}

/** What the header of a part says of a content in base64; the empty line after it too. */
export function contentHeader(type: string | undefined, name: string): string {
  const mediaType = type !== undefined && MEDIA_TYPE.test(type) ? type : 'application/octet-stream';
  return `Content-Type: ${mediaType}${parameter('name', name)}\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i;
