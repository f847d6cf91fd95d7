/** What nodes of a fleet say to each other beside their feeds: JSON, judged here once. */
import { z } from 'zod';
import { fromBase64, fromUtf8, toBase64, utf8 } from '../../base/index.ts';
import { CONTROL_BYTES_MAX, DEFERRED_TOLD_MAX, FEEDS_MAX } from './limits.ts';

/** Base64 in the text, bytes here. */
export const bytes = z.string().transform((text, context) => {
  try {
    return fromBase64(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not base64' });
    return z.NEVER;
  }
});
const key = bytes.refine((value) => value.length === 32, 'not 32 bytes');
const feed = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const name = z.string().min(1).max(64);

const hello = z.strictObject({ t: z.literal('hello'), home: z.string().max(260), node: name, key, nonce: key });
const dial = z.strictObject({ t: z.literal('dial'), node: name, key, nonce: key, signature: bytes });
const accept = z.strictObject({ t: z.literal('accept'), signature: bytes });
const refused = z.strictObject({ t: z.literal('refused'), code: z.string().max(64), message: z.string().max(1_000) });
const join = z.strictObject({ t: z.literal('join'), token: z.string().max(32), node: name, key, nonce: key, mac: key });
const joined = z.strictObject({ t: z.literal('joined'), sealed: key, documents: z.array(bytes).max(4_096), mac: key });
/** The feeds that are here, by public key: it is told to nodes of the home and to nobody else. */
const feeds = z.strictObject({ t: z.literal('feeds'), keys: z.array(key).max(FEEDS_MAX) });
/** How much of the home's chain is here, and what the other end lacks of it. */
const home = z.strictObject({ t: z.literal('home'), version: count, documents: z.array(bytes).max(4_096) });
/** Blocks of a feed up to here are on disk, without a gap. */
const stored = z.strictObject({ t: z.literal('stored'), feed, to: count });
/** How far the exchange with another home has come: of each feed of ours, and of its feeds; and how long feeds here are by then. */
const exchange = z.strictObject({
  t: z.literal('exchange'),
  home: z.string().max(260),
  sent: z
    .array(z.strictObject({ feed, acknowledged: count, deferred: z.array(count).max(DEFERRED_TOLD_MAX) }))
    .max(FEEDS_MAX),
  held: z.array(z.strictObject({ feed, number: count })).max(FEEDS_MAX),
  behind: z.array(z.strictObject({ feed, to: count })).max(FEEDS_MAX),
});
const ask = z.strictObject({ t: z.literal('ask'), id: count, what: z.string().max(32), body: z.unknown() });
const answer = z.strictObject({ t: z.literal('answer'), id: count, body: z.unknown() });
const failed = z.strictObject({ t: z.literal('failed'), id: count, code: z.string().max(64), message: z.string() });

const schema = z.discriminatedUnion('t', [
  hello,
  dial,
  accept,
  refused,
  join,
  joined,
  feeds,
  home,
  stored,
  exchange,
  ask,
  answer,
  failed,
]);

export type ControlMessage = z.infer<typeof schema>;
export type MessageOf<T extends ControlMessage['t']> = Extract<ControlMessage, { readonly t: T }>;

export function encodeControl(message: ControlMessage): Uint8Array {
  return utf8(JSON.stringify(plain(message)));
}

/** Bytes as base64, at any depth. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** undefined for what is none. */
export function decodeControl(frame: Uint8Array): ControlMessage | undefined {
  if (frame.length > CONTROL_BYTES_MAX) return undefined;
  try {
    return schema.safeParse(JSON.parse(fromUtf8(frame))).data;
  } catch {
    return undefined; // not UTF-8, or not JSON
  }
}
