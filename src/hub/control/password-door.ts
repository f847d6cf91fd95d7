/**
 * What a session alone is not enough for, since a window may have been left open: a new password, and the account's end. The
 * current password is judged as at a login. A new one is the home's first and then this hub's: whoever is cut in between
 * logs in with the new one, which asks the home.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { type Clock, type SecureRandom, toBase64, utf8 } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import { sealTo } from '../component/sealing.ts';
import { PASSWORD_PURPOSE } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { PASSWORD_CHARACTERS_MAX } from '../slots/limits.ts';
import { createStretching } from '../slots/slot.ts';
import type { Admitted } from './admission.ts';
import type { Authenticator } from './authenticator.ts';
import type { KeyRing } from './key-ring.ts';
import { JOIN_TIMEOUT_MS } from './limits.ts';
import type { Sessions } from './sessions.ts';
import { readJson } from './slot-door.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { Running } from './user-server-options.ts';
import type { UserServers } from './user-servers.ts';

export interface PasswordDoorDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly component: Component;
  readonly authenticator: Authenticator;
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly slots: SlotKeeper;
}

const PASSWORD_PATH = '/hub/account/password';
const CLOSE_PATH = '/hub/account/close';

const password = z.string().min(1).max(PASSWORD_CHARACTERS_MAX);
const schema = z.strictObject({ current: password, password: password.optional() });

export class PasswordDoor {
  readonly #deps: PasswordDoorDeps;

  constructor(deps: PasswordDoorDeps) {
    this.#deps = deps;
  }

  serves(path: string): boolean {
    return path === PASSWORD_PATH || path === CLOSE_PATH;
  }

  /** Throws HubError `forbidden`: the session may not, or the password is not the current one. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    { reach, session }: Admitted,
    remote: string,
    signal: AbortSignal,
  ): Promise<void> {
    if (request.method !== 'POST') throw new HubError('absent', 'nothing is here');
    if (!session.scopes.includes('manage')) throw new HubError('forbidden', 'this session may not manage the account');
    const isChange = request.url === PASSWORD_PATH;
    const { data, success } = schema.safeParse(await readJson(request));
    if (!success || isChange !== (data.password !== undefined))
      throw new HubError('malformed', 'it takes the current password, and to change it the next one');
    await this.#check(session.user, data.current, remote, signal);
    const about = { user: session.user, session: session.id, signal, timeoutMs: JOIN_TIMEOUT_MS };
    const running = await reach(async (there) => there);
    if (data.password !== undefined) await this.#change(running, data.password, about);
    else await this.#close(running, about);
    // A request that has ended its own session has its answer all the same.
    response.writeHead(204, { 'cache-control': 'no-store' }).end();
    if (!isChange) this.#forget(session.user);
  }

  /** 401 would tell the program that its session has ended. */
  async #check(user: Address, secret: string, remote: string, signal: AbortSignal): Promise<void> {
    try {
      const grant = await this.#deps.authenticator.grant({ user, secret }, remote, signal);
      if (grant.kind === 'password') return;
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'refused') throw error;
    }
    throw new HubError('forbidden', 'that is not the current password');
  }

  async #change({ instance }: Running, next: string, about: About): Promise<void> {
    const { authenticator, clock, component, keyRing, random, slots } = this.#deps;
    const { user } = about;
    const sealed = sealTo(random, component.correspondence.sealingKeyOf(instance), PASSWORD_PURPOSE, utf8(next));
    await component.request(instance, 'account.password', { password: toBase64(sealed) }, about);
    const slot = { stretching: createStretching(random), password: next };
    await keyRing.with(user, (hubKey) => slots.addPassword(user, hubKey, slot, clock.now()));
    authenticator.forget((grant) => grant.user === user && grant.kind === 'password');
  }

  /** Without a slot nobody opens what is left of the account here, this hub included. */
  async #close({ instance }: Running, about: About): Promise<void> {
    await this.#deps.component.request(instance, 'account.close', {}, about);
    await this.#deps.slots.revokeAll(about.user);
  }

  #forget(user: Address): void {
    const { authenticator, servers, sessions } = this.#deps;
    authenticator.forget((grant) => grant.user === user);
    sessions.end((session) => session.user === user);
    servers.ifAny(user)?.stop();
  }
}

type About = Parameters<Component['request']>[3] & { readonly user: Address };
