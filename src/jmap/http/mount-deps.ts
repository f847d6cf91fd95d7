/** What the endpoints share: who asks, and how they are refused. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../base/index.ts';
import type { ByteRange } from '../blobs/ports.ts';
import type { Caller, Jmap } from '../jmap.ts';
import type { Permission } from '../methods/call.ts';

export interface MountDeps {
  readonly jmap: Jmap;
  readonly log: Log;
  /**
   * Lets somebody else send these octets of a blob: the headers that say so in an answer without a body. Undefined: they are
   * sent here, as they always are where this is absent.
   */
  readonly sendElsewhere?: (
    request: FastifyRequest,
    blob: { readonly accountId: string; readonly blobId: string; readonly range: ByteRange },
    signal: AbortSignal,
  ) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Who a request is from; undefined if it may not be here, which is answered with 401. */
  readonly callerOf: (request: FastifyRequest) => Caller | undefined | Promise<Caller | undefined>;
}

export class Refused extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.name = 'Refused';
    this.status = status;
  }
}

export async function callerOf({ callerOf }: MountDeps, request: FastifyRequest): Promise<Caller> {
  const caller = await callerOf(request);
  if (caller === undefined) throw new Refused(401, 'log in first');
  return caller;
}

export function requirePermission({ permissions }: Caller, permission: Permission): void {
  if (!permissions.has(permission)) throw new Refused(403, `this login does not allow to ${permission}`);
}

export function notFound(reply: FastifyReply, detail: string): FastifyReply {
  return problem(reply, 404, { type: 'about:blank', status: 404, detail });
}

/** RFC 7807. */
export function problem(reply: FastifyReply, status: number, body: Record<string, unknown>): FastifyReply {
  // Whatever was said of the octets that were to come does not hold for this.
  return reply
    .code(status)
    .removeHeader('content-disposition')
    .header('cache-control', 'no-store')
    .header('content-type', 'application/problem+json')
    .send(body);
}
