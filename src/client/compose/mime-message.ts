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
  const head = utf8(headers(message));
  const text = textPart(message.text);
  if (message.attachments.length === 0) return concatBytes(head, utf8(text));
  const boundary = `=_${toHex(boundarySeed)}`;
  const parts: Uint8Array[] = [
    head,
    utf8(`Content-Type: multipart/mixed; protected-headers="v1"${parameter('boundary', boundary)}\r\n\r\n`),
    utf8(`--${boundary}\r\n${text}\r\n`),
  ];
  for (const attachment of message.attachments)
    parts.push(utf8(`--${boundary}\r\n${attachmentHeaders(attachment)}\r\n${base64Lines(attachment.content)}\r\n`));
  parts.push(utf8(`--${boundary}--\r\n`));
  return concatBytes(...parts);
}

function headers(message: MimeMessage): string {
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
export function encodeContent(type: string, name: string, content: Uint8Array): Uint8Array {
  return utf8(`Content-Type: ${type}${parameter('name', name)}\r\n${BASE64}\r\n${base64Lines(content)}`);
}

const BASE64 = 'Content-Transfer-Encoding: base64\r\n';
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i;

function attachmentHeaders({ name, type }: Attachment): string {
  const mediaType = type !== undefined && MEDIA_TYPE.test(type) ? type : 'application/octet-stream';
  return (
    `Content-Type: ${mediaType}${parameter('name', name)}\r\n` +
    `Content-Disposition: attachment${parameter('filename', name)}\r\n` +
    BASE64
  );
}
