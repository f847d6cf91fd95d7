/**
 * What hosts ask each other on the bus: who has a user, and who has room. An answer is a place, where a program's own
 * credential is then asked for: nothing here opens anything.
 */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/index.ts';
import type { Location } from '../../hub-client/index.ts';
import { HubError } from '../hub-error.ts';
import { PLACEMENT_MESSAGE_BYTES_MAX } from './limits.ts';

const name = z.string().min(1).max(128);
const id = z.int().min(1);
const schema = z.union([
  /** To the holder of a user, or to everybody on the topic of room: where? */
  z.strictObject({ ask: z.strictObject({ id, reply: name }) }),
  z.strictObject({
    at: z.strictObject({
      id,
      host: z.string().min(1).max(255),
      port: z.int().min(1).max(65_535),
      tls: z.boolean(),
    }),
  }),
]);

export type PlacementMessage = z.output<typeof schema>;

export function encodePlacement(message: PlacementMessage): Uint8Array {
  return utf8(JSON.stringify(message));
}

/** Throws HubError `malformed`. */
export function decodePlacement(bytes: Uint8Array): PlacementMessage {
  try {
    if (bytes.length > PLACEMENT_MESSAGE_BYTES_MAX) throw new HubError('too_large', 'too long');
    return schema.parse(JSON.parse(fromUtf8(bytes)));
  } catch (cause) {
    throw new HubError('malformed', 'not a message between hosts', { cause });
  }
}

/** From outside: mail has come for somebody (docs/protocol/hub.md, AMQP). */
export const MAIL_TOPIC = 'mail';
const mailSchema = z.object({ user: z.string().max(320) });

export function encodeMail(user: string): Uint8Array {
  return utf8(JSON.stringify({ user }));
}

export function decodeMail(bytes: Uint8Array): string | undefined {
  if (bytes.length > PLACEMENT_MESSAGE_BYTES_MAX) return undefined;
  try {
    return mailSchema.parse(JSON.parse(fromUtf8(bytes))).user;
  } catch {
    return undefined; // whoever publishes nonsense wakes nobody
  }
}

export type { Location };
