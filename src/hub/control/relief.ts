/**
 * What a control server hands to the process that relieves it, on a pipe that this one inherits: who it is, whom it knows on
 * the bus, the sealed hub keys, which credentials were good a moment ago, and the user servers that live on. They go on
 * speaking with the same component, by the same keys and numbers, so each proves to the other who it is with every message,
 * as before. It is in memory only, here as there; never on disk, in arguments or the environment.
 */
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { type Address, isAddress } from '../../protocol/index.ts';
import { parseInstanceId, parseSessionId } from '../component/ids.ts';
import { reminder, SCOPES } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { RELIEF_BYTES_MAX } from './limits.ts';

const text = z.string().max(4_096);
const count = z.int().min(0);
const user = z.custom<Address>((value) => typeof value === 'string' && isAddress(value));
const instance = z.string().transform(parseInstanceId);

const userServer = z.strictObject({
  user,
  instance,
  pid: z.int().min(2),
  /** Tells it from a later process of that number; null where the system does not say. */
  bornAt: count.nullable(),
  fence: count,
  failures: count,
});

const grant = z.strictObject({
  user,
  slotId: text,
  kind: z.enum(['password', 'app', 'session']),
  scopes: z.array(z.enum(SCOPES)),
  parent: text.optional(),
  session: z.string().transform(parseSessionId),
});

const schema = z.strictObject({
  version: z.literal(1),
  /** Of the control server itself, private halves included. */
  self: z.strictObject({ instance, keys: text }),
  runFolder: text,
  port: z.int().min(0).max(65_535),
  peers: z.array(z.strictObject({ instance, keys: text, user: user.optional(), sent: count, received: count })),
  heldKeys: z.array(z.strictObject({ user, sealed: text })),
  believed: z.strictObject({
    hashKey: text,
    grants: z.array(z.strictObject({ name: text, grant, leftMs: z.number().min(0) })),
  }),
  reminders: z.array(z.strictObject({ user, reminder })),
  userServers: z.array(userServer),
});

export type Relief = Omit<z.output<typeof schema>, 'version'>;
/** A user server that lives on. */
export type LivingUserServer = z.output<typeof userServer>;

export function encodeRelief(relief: Relief): Uint8Array {
  return utf8(JSON.stringify({ version: 1, ...relief } satisfies z.input<typeof schema>));
}

/** Throws HubError `malformed`, also for what a program of another version hands over. */
export function parseRelief(bytes: Uint8Array): Relief {
  if (bytes.length > RELIEF_BYTES_MAX) throw new HubError('malformed', 'what is handed over is too long');
  try {
    const { version: _, ...relief } = schema.parse(JSON.parse(fromUtf8(bytes)));
    return relief;
  } catch (cause) {
    // The cause would quote what it read, keys included.
    throw new HubError('malformed', `not what a control server hands over (${(cause as Error).name})`);
  }
}
