/** What nodes of a fleet ask of each other, judged where it comes in. */
import { z } from 'zod';
import { PROOF_NODES_MAX } from '../../feed/index.ts';
import { parseAddress, parseFeedId } from '../../protocol/index.ts';
import { bytes } from './control-message.ts';
import { FleetError } from './fleet-error.ts';
import { FEEDS_MAX, VERSIONS_ASKED_MAX } from './limits.ts';

const key = bytes.refine((value) => value.length === 32, 'not 32 bytes');
const feed = parsed(parseFeedId, 'not a feed');
const address = parsed(parseAddress, 'not an address');

const requests = {
  /** Begins to copy each other's feeds. */
  open: z.strictObject({ keys: z.array(key).max(FEEDS_MAX) }),
  /** Of the registrar: name me like this. */
  publish: z.strictObject({
    name: z.string().min(1).max(64),
    key,
    urls: z.array(z.string().max(500)).max(8),
    feed,
    retired: z.array(feed).max(FEEDS_MAX),
  }),
  keyLog: z.strictObject({ after: z.int().min(0) }),
  /** For whose own is damaged. */
  block: z.strictObject({ feed, index: z.int().min(0) }),
  /** Of the registrar: a new account. */
  register: z.strictObject({ document: bytes, vault: bytes, invite: z.string().max(64) }),
  /** Of the registrar: the account of a door at another node. */
  registerDoor: z.strictObject({ document: bytes, vault: bytes }),
  /** Of the registrar: a version that somebody sent who authenticated as the address. */
  extend: z.strictObject({ address: z.string().max(400), document: bytes, vault: bytes }),
  /** Of the registrar: how far the chains of these addresses go. */
  versions: z.strictObject({ addresses: z.array(address).max(VERSIONS_ASKED_MAX) }),
} as const;

const answers = {
  open: requests.open,
  publish: z.strictObject({}),
  keyLog: z.strictObject({ page: bytes }),
  block: z.strictObject({
    block: bytes,
    nodes: z.array(z.strictObject({ index: z.int().min(0), hash: key, size: z.int().min(0) })).max(PROOF_NODES_MAX),
  }),
  register: z.discriminatedUnion('status', [
    z.strictObject({ status: z.literal('accepted'), document: bytes }),
    z.strictObject({ status: z.literal('refused'), code: z.string().max(64), why: z.string().max(1_000) }),
  ]),
  /** In the order of the question; 0: no such account. */
  versions: z.strictObject({ versions: z.array(z.int().min(0)).max(VERSIONS_ASKED_MAX) }),
} as const;

export type RequestName = keyof typeof requests;
/** What the registrar alone answers. */
export type RegistrarRequest = Extract<RequestName, 'extend' | 'publish' | 'register' | 'registerDoor' | 'versions'>;
export type RequestOf<Name extends RequestName> = z.infer<(typeof requests)[Name]>;
export type AnswerOf<Name extends keyof typeof answers> = z.infer<(typeof answers)[Name]>;

export function isRequest(name: string): name is RequestName {
  return Object.hasOwn(requests, name);
}

/** Throws FleetError `malformed`. */
export function parseRequest<Name extends RequestName>(name: Name, body: unknown): RequestOf<Name> {
  return parse(requests[name], body) as RequestOf<Name>;
}

/** Throws FleetError `malformed`. */
export function parseAnswer<Name extends keyof typeof answers>(name: Name, body: unknown): AnswerOf<Name> {
  return parse(answers[name], body) as AnswerOf<Name>;
}

function parse(schema: z.ZodType, body: unknown): unknown {
  const judged = schema.safeParse(body);
  if (judged.success) return judged.data;
  throw new FleetError('malformed', `what another node says is not understood: ${judged.error.issues[0]?.message}`);
}

/** Text that its own parser takes. */
function parsed<Parsed>(parse: (text: string) => Parsed, message: string) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
  });
}
