/**
 * Where a person adds, lists and removes their IMAP accounts: beside JMAP, which has no method for it. Whoever may only read
 * or send may not add a server; secrets go in and never come out.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../base/index.ts';
import type { Caller, Permission } from '../../jmap/index.ts';
import { HubError } from '../hub-error.ts';
import type { UserServer } from './user-server.ts';

export interface ImapRoutesDeps {
  readonly log: Log;
  readonly user: () => UserServer;
  readonly callerOf: (request: IncomingMessage) => Caller | undefined;
}

const PATH = '/jmap/mail-accounts';
const STATUS: Readonly<Record<string, number>> = {
  malformed: 400,
  forbidden: 403,
  unauthenticated: 401,
  absent: 404,
  too_large: 400,
  // The person's own server refuses what they gave: their request cannot be done as it stands.
  untrusted: 422,
  credential_refused: 422,
  server_unreachable: 422,
};

export function mountImapRoutes(fastify: FastifyInstance, { callerOf, log, user }: ImapRoutesDeps): void {
  const answering =
    (needed: Permission, work: (request: FastifyRequest) => Promise<unknown>) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      try {
        const caller = callerOf(request.raw);
        if (caller === undefined) throw new HubError('unauthenticated', 'nobody has logged in');
        if (!caller.permissions.has(needed)) throw new HubError('forbidden', 'this session may not do that');
        return await work(request);
      } catch (error) {
        if (!(error instanceof HubError)) {
          log.error({ err: error }, 'a request about mail accounts failed');
          return reply.code(500).send({ code: 'failed', detail: 'it failed; the log says why' });
        }
        const { code, fix, message } = error;
        return reply.code(STATUS[code] ?? 503).send({ code, detail: message, ...(fix === undefined ? {} : { fix }) });
      }
    };
  fastify.get(
    PATH,
    answering('read', async () => ({ accounts: user().imap.status })),
  );
  fastify.post(
    PATH,
    answering('write', ({ body }) => user().imap.add(body)),
  );
  fastify.post(
    `${PATH}/:id/remove`,
    answering('write', async ({ params }) => {
      await user().imap.remove((params as { readonly id: string }).id);
      return {};
    }),
  );
}
