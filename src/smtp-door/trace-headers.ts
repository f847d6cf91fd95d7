/**
 * What a home adds above a message, as RFC 5321, 4.4 asks: who it came from, and by whom. What others said about themselves
 * is written as text that can end no line and no comment.
 */
import { utf8 } from '../base/index.ts';
import type { Address } from '../protocol/index.ts';

export interface Trace {
  /** Empty: the null sender, of what nobody wants returned. */
  readonly sender: string;
  /** Undefined: the copy is for no reader. */
  readonly recipient: Address | undefined;
  /** As it called itself. */
  readonly helo: string;
  /** Its IP address. */
  readonly remote: string;
  /** `ESMTP`, `ESMTPS` … */
  readonly protocol: string;
  /** The mail domain. */
  readonly by: string;
  /** Of the connection. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  /** Fields of what was found out about it, without the last line end. */
  readonly findings: readonly string[];
}

export function encodeTrace({
  sender,
  recipient,
  helo,
  remote,
  protocol,
  by,
  id,
  receivedAt,
  findings,
}: Trace): Uint8Array {
  const lines = [
    `Return-Path: <${sender}>`,
    ...findings,
    `Received: from ${plain(helo)} ([${remote.includes(':') ? `IPv6:${remote}` : remote}])`,
    `\tby ${by} with ${protocol} id ${plain(id)}${recipient === undefined ? ';' : `\r\n\tfor <${recipient}>;`}`,
    `\t${new Date(receivedAt).toUTCString().replace('GMT', '+0000')}`,
  ];
  return utf8(`${lines.join('\r\n')}\r\n`);
}

/** Letters, digits and what stands in names and address literals. */
function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9.:_[\]-]/g, '?').slice(0, 255) || '?';
}
