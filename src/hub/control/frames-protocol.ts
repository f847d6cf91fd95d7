/**
 * The first frames of a connection to the hub (docs/protocol/hub.md): one that says who somebody is, one that answers.
 * Everything after them is between the program and the user server.
 */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/index.ts';
import type { Json } from '../../protocol/index.ts';
import { encodeFrame } from '../framing.ts';
import { HubError } from '../hub-error.ts';

const text = z.string().min(1).max(4_096);
const schema = z.strictObject({
  open: z.union([
    z.strictObject({ user: text, password: text }),
    z.strictObject({ token: text, session: text.optional() }),
    // The hub runs for one person, and the socket's file says who may open it.
    z.strictObject({ password: text }),
  ]),
  /** Not a session: what this one-time ticket of the session is for. */
  ticket: z.string().min(1).max(128).optional(),
  /** Another host was told that the user is here. */
  forwarded: z.literal(true).optional(),
});

export type FirstFrame = z.output<typeof schema>;
export type OpenFrame = FirstFrame['open'];

/** Throws HubError `malformed`; never quotes what it read. */
export function decodeFirst(frame: Uint8Array): FirstFrame {
  try {
    return schema.parse(JSON.parse(fromUtf8(frame)));
  } catch (cause) {
    throw new HubError('malformed', `the first frame opens a session (${(cause as Error).name})`, {
      fix: 'Send {"open":{"user":…,"password":…}} or {"open":{"token":…}}.',
    });
  }
}

export function encodeOpened(opened: { readonly [key: string]: Json }): Uint8Array {
  return encodeFrame(utf8(JSON.stringify({ opened })));
}

/** So many octets follow, which are no frames; then the connection ends. */
export function encodeStream(size: number): Uint8Array {
  return encodeFrame(utf8(JSON.stringify({ stream: { size } })));
}

export function encodeRefusal(error: HubError): Uint8Array {
  const { code, fix, message } = error;
  return encodeFrame(utf8(JSON.stringify({ error: { code, message, ...(fix === undefined ? {} : { fix }) } })));
}
