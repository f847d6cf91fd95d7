/**
 * How a request is signed (docs/protocol/federation.md#signing): Matrix's X-Matrix with a hash in place of the content, which
 * stands in the header too, so that a signature is judged before the body is read. Pure.
 */
import { type CryptoSuite, concatBytes, fromBase64, toBase64, toHex, utf8 } from '../../base/index.ts';
import { encodeCanonicalJson, type HomeName, parseHomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { AUTHORIZATION_CHARACTERS_MAX } from './limits.ts';

/** What a signature says. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly uri: string;
  readonly origin: HomeName;
  readonly destination: HomeName;
  /** SHA-256 of the body in hexadecimal; undefined without a body. */
  readonly content: string | undefined;
}

/** The node that signs. */
export interface RequestSigner {
  /** Its name in the home document. */
  readonly node: string;
  readonly secretKey: Uint8Array;
}

/** What an Authorization header claims. */
export interface RequestClaim {
  readonly origin: HomeName;
  readonly destination: HomeName;
  readonly node: string;
  readonly content: string | undefined;
  readonly signature: Uint8Array;
}

const SIGNED_AS = utf8('restante request 1\n');
const SCHEME = 'Restante ';
const KEY_KIND = 'ed25519:';

export function requestBytes(request: SignedRequest): Uint8Array {
  const { method, uri, origin, destination, content } = request;
  return concatBytes(SIGNED_AS, encodeCanonicalJson({ method, uri, origin, destination, content }));
}

export function contentHash(suite: CryptoSuite, body: Uint8Array): string {
  return toHex(suite.sha256(body));
}

/** The value of the Authorization header. */
export function signRequest(suite: CryptoSuite, request: SignedRequest, signer: RequestSigner): string {
  const { origin, destination, content } = request;
  const sig = toBase64(suite.sign(requestBytes(request), signer.secretKey));
  const fields = {
    origin,
    destination,
    // A node's name may be any text; here it must be one word.
    key: `${KEY_KIND}${encodeURIComponent(signer.node)}`,
    ...(content === undefined ? {} : { content }),
    sig,
  };
  return `${SCHEME}${Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}`;
}

/** Throws FederationError `unsigned`. */
export function parseAuthorization(header: string | undefined): RequestClaim {
  const refuse = (why: string, cause?: unknown): FederationError =>
    new FederationError('unsigned', `the request is not signed: ${why}`, {
      fix: 'Sign it as docs/protocol/federation.md says.',
      cause,
    });
  if (header === undefined) throw refuse('no Authorization header');
  if (header.length > AUTHORIZATION_CHARACTERS_MAX || !header.startsWith(SCHEME))
    throw refuse('its Authorization is of another kind');
  const fields = new Map<string, string>();
  for (const part of header.slice(SCHEME.length).split(',')) {
    const [, name, value] = /^([a-z]+)="([^"\\]*)"$/.exec(part) ?? [];
    if (name === undefined || value === undefined || fields.has(name)) throw refuse('a malformed Authorization');
    fields.set(name, value);
  }
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw refuse(`its Authorization lacks ${name}`);
    return value;
  };
  const content = fields.get('content');
  const key = field('key');
  if (!key.startsWith(KEY_KIND) || (content !== undefined && !/^[0-9a-f]{64}$/.test(content)))
    throw refuse('a malformed Authorization');
  try {
    return {
      origin: parseHomeName(field('origin')),
      destination: parseHomeName(field('destination')),
      node: decodeURIComponent(key.slice(KEY_KIND.length)),
      content,
      signature: fromBase64(field('sig')),
    };
  } catch (cause) {
    if (cause instanceof FederationError) throw cause;
    throw refuse('a malformed Authorization', cause);
  }
}

export function isRequestSignature(
  suite: CryptoSuite,
  request: SignedRequest,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  return suite.verify(signature, requestBytes(request), publicKey);
}
