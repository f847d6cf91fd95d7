/**
 * The home's signed chain: its key, its nodes and their feeds. Signed by the home key of the version before; a version
 * that changes the key is signed by both. Served at `/.well-known/restante` and by `GetChain` without an address.
 */
import { z } from 'zod';
import { type CryptoSuite, fromBase64, toBase64 } from '../base/index.ts';
import type { Json } from './canonical-json.ts';
import { type FeedId, type HomeName, parseFeedId, parseHomeName } from './ids.ts';
import { ProtocolError } from './protocol-error.ts';
import { links, parseSignedDocument, type SignedDocument } from './signed-document.ts';

export interface HomeNode {
  readonly name: string;
  /** Ed25519 public key of the node. */
  readonly key: Uint8Array;
  /** WebSocket addresses, best first. */
  readonly urls: readonly string[];
  /** The feed it writes. */
  readonly feed: FeedId;
  /** Feeds it wrote before and will never write again. */
  readonly retired: readonly FeedId[];
}

export interface HomeContent {
  readonly home: HomeName;
  readonly version: number;
  readonly previous: string | null;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Ed25519 public key that signs this chain and countersigns new accounts. */
  readonly key: Uint8Array;
  /** Ed25519 public key of the log that names every version of this chain and of the accounts (docs/protocol/key-log.md). */
  readonly keyLog: Uint8Array;
  readonly nodes: readonly HomeNode[];
  /** Name of the node where new addresses are claimed. */
  readonly registrar: string;
}

export interface HomeDocument extends HomeContent {
  readonly signed: SignedDocument;
}

const digits = z.string().regex(/^[0-9a-f]{64}$/);
const key = z.string().length(43);
const homeSchema = z.strictObject({
  home: z.string().max(260),
  key,
  key_log: key,
  nodes: z
    .array(
      z.strictObject({
        feed: digits,
        key,
        name: z.string().min(1).max(64),
        retired: z.array(digits).max(1000),
        urls: z.array(z.string().max(500)).max(8),
      }),
    )
    .max(64),
  previous: z.string().nullable(),
  registrar: z.string().max(64),
  time: z.int().min(0),
  type: z.literal('home'),
  version: z.int().min(1),
});

export function homeContentJson(content: HomeContent): { readonly [key: string]: Json } {
  return {
    type: 'home',
    home: content.home,
    version: content.version,
    previous: content.previous,
    time: content.time,
    key: toBase64(content.key),
    key_log: toBase64(content.keyLog),
    nodes: content.nodes.map((node) => ({
      name: node.name,
      key: toBase64(node.key),
      urls: node.urls,
      feed: node.feed,
      retired: node.retired,
    })),
    registrar: content.registrar,
  };
}

/** Form, size and every signature; how it links is `checkHomeLink`'s. Throws ProtocolError. */
export function parseHomeDocument(suite: CryptoSuite, bytes: Uint8Array): HomeDocument {
  const signed = parseSignedDocument(suite, bytes);
  const judged = homeSchema.safeParse(signed.content);
  if (!judged.success) {
    const issue = judged.error.issues[0];
    throw new ProtocolError('malformed', `not a home document: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const fields = judged.data;
  try {
    return {
      signed,
      home: parseHomeName(fields.home),
      version: fields.version,
      previous: fields.previous,
      time: fields.time,
      key: fromBase64(fields.key),
      keyLog: fromBase64(fields.key_log),
      nodes: fields.nodes.map((node) => ({
        name: node.name,
        key: fromBase64(node.key),
        urls: node.urls,
        feed: parseFeedId(node.feed),
        retired: node.retired.map(parseFeedId),
      })),
      registrar: fields.registrar,
    };
  } catch (cause) {
    throw new ProtocolError('malformed', 'not a home document: a key or name in it is malformed', { cause });
  }
}

/** Whether `next` may follow `current` (undefined: `next` is version 1). Throws ProtocolError `bad_chain`. */
export function checkHomeLink(current: HomeDocument | undefined, next: HomeDocument): void {
  const refuse = (why: string): never => {
    throw new ProtocolError('bad_chain', `version ${next.version} of home ${next.home}: ${why}`);
  };
  if (!next.signed.signers.has(toBase64(next.key))) refuse('not signed by its own key');
  if (current === undefined) {
    if (next.version !== 1) refuse('the chain begins with version 1');
    return;
  }
  if (current.home !== next.home) refuse('another home');
  if (!links(current.signed, next.signed)) refuse(`does not follow version ${current.version}`);
  if (!next.signed.signers.has(toBase64(current.key))) refuse('not signed by the key of the version before');
}

/** A whole chain from version 1 on; the last document is the home now. Throws ProtocolError. */
export function parseHomeChain(suite: CryptoSuite, documents: readonly Uint8Array[]): readonly HomeDocument[] {
  const chain: HomeDocument[] = [];
  for (const bytes of documents) {
    const next = parseHomeDocument(suite, bytes);
    checkHomeLink(chain.at(-1), next);
    chain.push(next);
  }
  return chain;
}
