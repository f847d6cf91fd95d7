/**
 * Web Key Directory (draft-koch-openpgp-webkey-service): where any OpenPGP program finds a person's certificate by address.
 * Served for local accounts, in both the advanced and the direct form. Certificates are public, so nothing is signed or
 * authenticated here; who wants to know that a key is the logged one follows the account's chain.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { utf8 } from '../../base/index.ts';
import { type Address, type HomeName, homeOf, parseAddress } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';

export const WKD_PATH = '/.well-known/openpgpkey';

export interface CertificateQuery {
  /** As `wkdHash` makes it of the local part. */
  readonly hash: string;
  /** Whose hash that is, if the asker said so (all current programs do). */
  readonly address: Address | undefined;
}

/** The binary certificate to encrypt to; undefined when the home has no such account. Throws FederationError `unavailable`. */
export type FindCertificate = (query: CertificateQuery) => Promise<Uint8Array | undefined>;

const Z_BASE_32 = 'ybndrfg8ejkmcpqxot1uwisza345h769';
const HASH = new RegExp(`^[${Z_BASE_32}]{32}$`);

/** z-base-32 (RFC 6189, 5.1.6) of the SHA-1 of the local part, its ASCII letters in lower case. */
export function wkdHash(localPart: string): string {
  const lower = localPart.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
  return zBase32(createHash('sha1').update(utf8(lower)).digest());
}

/** Whole groups of five bits only, which SHA-1 has 32 of. */
function zBase32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += Z_BASE_32[(held >> (bits - 5)) & 31];
  }
  return text;
}

/** Call before `listen`; the home may get its name later. */
export function mountWkd(fastify: FastifyInstance, find: FindCertificate, nameOf: () => HomeName | undefined): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { hash = '', domain } = request.params as { readonly hash?: string; readonly domain?: string };
    const home = nameOf();
    if (home === undefined || !HASH.test(hash) || !isOurs(domain, home)) return reply.code(404).send();
    const { l } = request.query as { readonly l?: unknown };
    const certificate = await find({ hash, address: addressOf(l, hash, home) }).catch(notNow);
    // Whoever finds no certificate may send in the clear: that nobody can tell now is another answer.
    if (certificate === NOT_NOW) return reply.code(503).send();
    if (certificate === undefined) return reply.code(404).send();
    return open(reply).header('content-type', 'application/octet-stream').send(Buffer.from(certificate));
  };
  // Programs ask for the policy to see whether there is a directory; an empty one is ours.
  const policy = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { domain } = request.params as { readonly domain?: string };
    const home = nameOf();
    if (home === undefined || !isOurs(domain, home)) return reply.code(404).send();
    return open(reply).header('content-type', 'text/plain').send('');
  };
  fastify.get(`${WKD_PATH}/hu/:hash`, serve);
  fastify.get(`${WKD_PATH}/:domain/hu/:hash`, serve);
  fastify.get(`${WKD_PATH}/policy`, policy);
  fastify.get(`${WKD_PATH}/:domain/policy`, policy);
}

const NOT_NOW = Symbol('not now');

function notNow(error: unknown): typeof NOT_NOW {
  if (error instanceof FederationError) return NOT_NOW;
  throw error;
}

/** Programs in a browser read it too. */
function open(reply: FastifyReply): FastifyReply {
  return reply.header('access-control-allow-origin', '*').header('cache-control', 'max-age=300');
}

/** The direct form names no domain; others may write a loopback home with or without its port. */
function isOurs(domain: string | undefined, home: HomeName): boolean {
  if (domain === undefined) return true;
  const lower = domain.toLowerCase();
  return lower === home || lower === home.split(':')[0];
}

function addressOf(localPart: unknown, hash: string, home: HomeName): Address | undefined {
  if (typeof localPart !== 'string' || wkdHash(localPart) !== hash) return undefined;
  try {
    const address = parseAddress(`${localPart}@${home}`);
    return homeOf(address) === home ? address : undefined;
  } catch {
    return undefined; // no address of ours is spelled so: the hash decides
  }
}
