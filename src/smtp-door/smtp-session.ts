/** What smtp-server knows of a session, as the door's parts ask for it, and when the octets of its message have come. */
import { nextTick } from 'node:process';
import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { remoteOf } from '../node/index.ts';
import type { Envelope } from './authentication/spf.ts';
import type { MessageReader } from './message-reader.ts';

/** Empty: the null sender. */
export function senderOf({ envelope: { mailFrom } }: SMTPServerSession): string {
  return mailFrom === false ? '' : mailFrom.address;
}

export function envelopeOf(session: SMTPServerSession): Envelope {
  const { hostNameAppearsAs: helo, remoteAddress } = session;
  const isLocal = remoteOf(remoteAddress, {}, false) === undefined;
  return { remote: isLocal ? undefined : remoteAddress, helo, sender: senderOf(session) };
}

/** Of RFC 1870's parameter; smtp-server has judged its form and compared it with the limit. */
export function announcedSize({ args }: SMTPServerAddress): number {
  return args === false ? 0 : Number(args.SIZE ?? 0);
}

/** False: the sender went away before the end. */
export async function drain(stream: SMTPServerDataStream, reader: MessageReader): Promise<boolean> {
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) reader.push(piece);
    return true;
  } catch {
    return false; // the stream of a connection fails only by its end
  }
}

/**
 * After everything that has come already is parsed and before anything else can come: what is there then was sent before the
 * sender could have seen that it may send (RFC 2920, 3.1: nothing follows DATA in a group).
 */
export function onceAsked(look: () => void): void {
  queueMicrotask(() => nextTick(look));
}
