/** `/hub/slots`: a person's app passwords and sessions. GET lists them, POST makes an app password, DELETE revokes one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { SCOPES } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SLOT_NAME_CHARACTERS_MAX } from '../slots/limits.ts';
import type { Authenticator } from './authenticator.ts';
import type { KeyRing } from './key-ring.ts';
import { OPERATOR_BODY_BYTES_MAX } from './limits.ts';
import type { Session, Sessions } from './sessions.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { UserServers } from './user-servers.ts';

export interface SlotDoorDeps {
  readonly authenticator: Authenticator;
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly slots: SlotKeeper;
}

const termsSchema = z.strictObject({
  name: z.string().min(1).max(SLOT_NAME_CHARACTERS_MAX),
  scopes: z.array(z.enum(SCOPES)).min(1),
  expiresAt: z.int().min(0).optional(),
});

export class SlotDoor {
  readonly #deps: SlotDoorDeps;

  constructor(deps: SlotDoorDeps) {
    this.#deps = deps;
  }

  /** Throws HubError `forbidden` for a session that may not manage slots. */
  async answer(request: IncomingMessage, response: ServerResponse, session: Session): Promise<void> {
    if (!session.scopes.includes('manage'))
      throw new HubError('forbidden', 'this session may not manage app passwords');
    const [, id] = /^\/hub\/slots\/([0-9a-f]{16})$/.exec(request.url ?? '') ?? [];
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(body === undefined ? '' : JSON.stringify(body));
    };
    if (id !== undefined && request.method === 'DELETE') {
      await this.revoke(session.user, id);
      answer(204, undefined);
    } else if (request.url === '/hub/slots' && request.method === 'GET') answer(200, await this.#list(session));
    else if (request.url === '/hub/slots' && request.method === 'POST') answer(201, await this.#add(request, session));
    else throw new HubError('absent', 'nothing is here');
  }

  /** The slot is gone from the disk, and its sessions are cut, before this resolves. */
  async revoke(user: Session['user'], slotId: string): Promise<void> {
    const { authenticator, servers, sessions, slots } = this.#deps;
    await slots.revoke(user, slotId);
    authenticator.forget((grant) => grant.user === user && (grant.slotId === slotId || grant.parent === slotId));
    sessions.end((session) => session.user === user && session.slotIds.includes(slotId));
    servers.ifAny(user)?.judgeLogins();
  }

  async #list({ user }: Session): Promise<unknown> {
    const slots = await this.#deps.slots.of(user);
    return slots.map(({ createdAt, expiresAt, id, kind, name, scopes }) => ({
      id,
      kind,
      name,
      scopes,
      createdAt,
      expiresAt,
    }));
  }

  async #add(request: IncomingMessage, { scopes, user }: Session): Promise<unknown> {
    const terms = termsSchema.safeParse(await readJson(request));
    if (!terms.success) throw new HubError('malformed', 'an app password has a name and scopes');
    if (!terms.data.scopes.every((scope) => scopes.includes(scope)))
      throw new HubError('forbidden', 'nobody gives more than they have');
    const { keyRing, slots } = this.#deps;
    const { slot, token } = await keyRing.with(user, (hubKey) => slots.addApp(user, hubKey, terms.data));
    return { id: slot.id, token };
  }
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > OPERATOR_BODY_BYTES_MAX) throw new HubError('too_large', 'the request is too long');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HubError('malformed', 'the request holds no JSON');
  }
}
