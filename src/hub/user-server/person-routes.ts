/**
 * Where a person's programs see and change their account: devices, keys, nodes, whom they block. Beside JMAP, which has no
 * method for it. Reading takes the scope `read`, blocking `write`, everything else `manage`. A new password and the
 * account's end are asked for at the control server, which asks for the password first.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Log } from '../../base/index.ts';
import { isAddress } from '../../protocol/index.ts';
import type { HubScope } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { PERSON_WORD_CHARACTERS_MAX } from './limits.ts';
import type { UserServer } from './user-server.ts';

export interface PersonRoutesDeps {
  readonly log: Log;
  readonly user: () => UserServer;
  /** Undefined: nobody has logged in. */
  readonly scopesOf: (request: IncomingMessage) => readonly string[] | undefined;
}

const PATH = '/jmap/person';

const word = z.string().min(1).max(PERSON_WORD_CHARACTERS_MAX);
const address = z.string().toLowerCase().refine(isAddress);
const nodeChange = z.discriminatedUnion('act', [
  z.strictObject({ act: z.enum(['pin', 'remove', 'fleet']), name: word }),
  z.strictObject({ act: z.literal('unpin') }),
  z.strictObject({ act: z.literal('add'), name: word, url: word, key: word.optional() }),
]);
const BODIES = {
  nodes: nodeChange,
  key: z.strictObject({ address }),
  verify: z.strictObject({ address, fingerprint: word }),
  revoke: z.strictObject({ id: word }),
  alarm: z.strictObject({ code: word, subject: z.string().max(PERSON_WORD_CHARACTERS_MAX) }),
  block: z.strictObject({ who: word, isBlocked: z.boolean() }),
} as const;

/** What the person's own home or what they typed is to blame for; anything else is for later. */
const STATUS: Readonly<Record<string, number>> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  absent: 404,
  refused: 409,
  unknown_home: 404,
  unknown_recipient: 404,
  unknown_device: 404,
  unknown_node: 404,
  unknown_fleet: 404,
  name_taken: 409,
  standing_alarm: 409,
  too_large: 400,
};

export function mountPersonRoutes(fastify: FastifyInstance, deps: PersonRoutesDeps): void {
  const { user } = deps;
  const route = (
    method: 'GET' | 'POST',
    path: string,
    scope: HubScope,
    work: (request: FastifyRequest) => Promise<unknown>,
  ): void => void fastify.route({ method, url: path, handler: answering(deps, scope, work) });
  const ask: UserServer['askAgent'] = (name, request) => user().askAgent(name, request);
  route('GET', PATH, 'read', () => ask('person', {}));
  route('GET', `${PATH}/proof/:emailId`, 'read', async ({ params }) => {
    const pdu = user().pduOf((params as { readonly emailId: string }).emailId);
    if (pdu === undefined) return { proof: null };
    const { proof } = await ask('proof', { pdu });
    return { proof: proof ?? null };
  });
  route('POST', `${PATH}/ping`, 'read', () => ask('pingNodes', {}));
  route('POST', `${PATH}/key`, 'read', ({ body }) => ask('key', judged(BODIES.key, body)));
  route('POST', `${PATH}/nodes`, 'manage', ({ body }) => {
    const change = judged(BODIES.nodes, body);
    return ask('changeNodes', change.act === 'add' ? { ...change, key: change.key } : change);
  });
  route('POST', `${PATH}/verify`, 'manage', ({ body }) => ask('verifyKey', judged(BODIES.verify, body)));
  route('POST', `${PATH}/revoke`, 'manage', ({ body }) => ask('revokeDevice', judged(BODIES.revoke, body)));
  route('POST', `${PATH}/rotate`, 'manage', () => ask('rotateKey', {}));
  route('POST', `${PATH}/recovery-code`, 'manage', () => ask('newRecoveryCode', {}));
  route('POST', `${PATH}/alarm`, 'manage', ({ body }) => ask('dismissAlarm', judged(BODIES.alarm, body)));
  route('POST', `${PATH}/block`, 'write', ({ body }) => ask('block', judged(BODIES.block, body)));
}

function judged<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const { data, success } = schema.safeParse(body);
  if (!success) throw new HubError('malformed', 'that is not what this request takes');
  return data;
}

function answering(
  { log, scopesOf }: PersonRoutesDeps,
  scope: HubScope,
  work: (request: FastifyRequest) => Promise<unknown>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    reply.header('cache-control', 'no-store');
    try {
      const scopes = scopesOf(request.raw);
      if (scopes === undefined) throw new HubError('unauthenticated', 'nobody has logged in');
      if (!scopes.includes(scope)) throw new HubError('forbidden', 'this session may not do that');
      return await work(request);
    } catch (error) {
      if (!(error instanceof HubError)) {
        log.error({ err: error }, 'a request about an account failed');
        return reply.code(500).send({ code: 'failed', detail: 'it failed; the log says why' });
      }
      const { code, message } = error;
      return reply.code(STATUS[code] ?? 503).send({ code, detail: message });
    }
  };
}
