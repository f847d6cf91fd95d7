/**
 * Who somebody is: from an address and a password, an app password or a token to a grant. A slot that the credential opens
 * proves it. A password that opens none is asked of the person's home: it may be their first login here, or they have
 * changed it elsewhere. Nothing in an answer, nor when it comes, tells whether an address exists.
 */
import { LRUCache } from 'lru-cache';
import {
  abortable,
  type Clock,
  type CryptoSuite,
  fromBase64,
  isAbort,
  type SecureRandom,
  toBase64,
  toHex,
  utf8,
} from '../../base/index.ts';
import { type Address, isAddress, parseAddress } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import { parseSessionId, type SessionId } from '../component/ids.ts';
import type { ComponentKeys } from '../component/keys.ts';
import { openSealed, sealTo } from '../component/sealing.ts';
import {
  HUB_KEY_PURPOSE,
  type HubScope,
  JOIN_PURPOSE,
  SCOPES,
  sessionJoined,
} from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { PASSWORD_CHARACTERS_MAX } from '../slots/limits.ts';
import { createStretching, isToken, openPasswordSlot, openTokenSlot, parseToken, type Slot } from '../slots/slot.ts';
import type { Stretcher } from '../slots/stretcher.ts';
import type { Gate } from './gate.ts';
import type { HomeCheck } from './home-check.ts';
import type { KeyRing } from './key-ring.ts';
import { JOIN_TIMEOUT_MS, REFUSAL_STEP_MS, VERIFIED_MAX, VERIFIED_MS } from './limits.ts';
import type { Relief } from './relief.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { Throttle } from './throttle.ts';
import type { UserServers } from './user-servers.ts';

/** What a person's program presents: a token says whose it is. */
export interface Credential {
  readonly user?: string | undefined;
  readonly secret: string;
}

export interface Grant {
  readonly user: Address;
  readonly slotId: string;
  readonly kind: Slot['kind'];
  readonly scopes: readonly HubScope[];
  /** The slot that opened the session first, where this one only re-opens it. */
  readonly parent: string | undefined;
  /** The session that the token re-opens; for other credentials the one that all HTTP requests with it share. */
  readonly session: SessionId;
}

export interface AuthenticatorDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly component: Component;
  readonly keys: ComponentKeys['sealing'];
  readonly homeCheck: HomeCheck;
  readonly keyRing: KeyRing;
  readonly servers: UserServers;
  readonly slots: SlotKeeper;
  readonly stretcher: Stretcher;
  readonly throttle: Throttle;
  /** First logins and changed passwords that are asked of homes at once. */
  readonly joins: Gate;
  /** Whose first login is taken. */
  readonly mayJoin: (user: Address) => boolean;
}

interface Verified {
  readonly grant: Grant;
  readonly until: number;
}

export class Authenticator {
  readonly #deps: AuthenticatorDeps;
  /** By a keyed hash of the credential: memory that is read by somebody else does not give it back. */
  readonly #verified = new LRUCache<string, Verified>({ max: VERIFIED_MAX });
  #hashKey: Uint8Array;
  /** What is being judged, by the same hash. */
  readonly #judging = new Map<string, Promise<Grant>>();
  readonly #closing = new AbortController();

  constructor(deps: AuthenticatorDeps) {
    this.#deps = deps;
    this.#hashKey = deps.random.bytes(32);
  }

  /** Throws HubError `refused` (whatever is wrong), `throttled`, `busy`, `home_unreachable`. */
  async grant(credential: Credential, remote: string, signal: AbortSignal): Promise<Grant> {
    const name = this.#nameOf(credential);
    const known = this.#remembered(name);
    if (known !== undefined) return known;
    // Several programs of one person begin together: one of them pays.
    const judging = this.#judging.get(name) ?? this.#beginJudging(name, credential, remote);
    return abortable(judging, signal);
  }

  #beginJudging(name: string, credential: Credential, remote: string): Promise<Grant> {
    const judging = this.#attempt(name, credential, remote);
    this.#judging.set(name, judging);
    const finished = (): void => void this.#judging.delete(name);
    judging.then(finished, finished);
    return judging;
  }

  /** Goes on when whoever asked has left: what waits on the way has time-outs of its own. */
  async #attempt(name: string, credential: Credential, remote: string): Promise<Grant> {
    const { clock, throttle } = this.#deps;
    const { signal } = this.#closing;
    const startedAt = clock.monotonic();
    const asked = parseCredential(credential);
    // A token cannot be guessed: trying one counts where it comes from, and does not lock its owner out.
    const attempt = throttle.begin(asked?.kind === 'password' ? asked.user : undefined, remote);
    try {
      const grant = asked === undefined ? undefined : await this.#judge(asked, signal);
      if (grant === undefined) throw refusal();
      this.#verified.set(name, { grant, until: clock.monotonic() + VERIFIED_MS });
      attempt.succeeded();
      return grant;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      if (!(error instanceof HubError) || error.code !== 'refused') attempt.succeeded();
      // Not how long it took, but in whole steps.
      const took = clock.monotonic() - startedAt;
      await clock.sleep(REFUSAL_STEP_MS * Math.ceil((took + 1) / REFUSAL_STEP_MS) - took, signal);
      // One text for all reasons.
      throw error instanceof HubError && error.code === 'refused' ? refusal() : error;
    }
  }

  /** Judging under way ends: the hub stops. */
  close(): void {
    this.#closing.abort(new HubError('closed', 'the hub stops', { retry: 'later' }));
  }

  /** Credentials of these slots are judged anew. */
  forget(whose: (grant: Grant) => boolean): void {
    for (const [name, { grant }] of this.#verified.entries()) if (whose(grant)) this.#verified.delete(name);
  }

  /** Which credentials were good a moment ago: no credential can be made of it. */
  believed(): Relief['believed'] {
    const now = this.#deps.clock.monotonic();
    const grants = [...this.#verified.entries()]
      .filter(([, { until }]) => until > now)
      .map(([name, { grant, until }]) => ({
        name,
        grant: { ...grant, scopes: [...grant.scopes] },
        leftMs: until - now,
      }));
    return { hashKey: toBase64(this.#hashKey), grants: grants.reverse() };
  }

  /** What another one has believed, before anybody asks. */
  restore({ grants, hashKey }: Relief['believed']): void {
    this.#hashKey = fromBase64(hashKey);
    for (const { grant, leftMs, name } of grants)
      this.#verified.set(name, {
        grant: { ...grant, parent: grant.parent },
        until: this.#deps.clock.monotonic() + leftMs,
      });
  }

  #remembered(name: string): Grant | undefined {
    const known = this.#verified.get(name);
    if (known === undefined || known.until <= this.#deps.clock.monotonic()) return undefined;
    // The key is let go with the user server; then the slot must be opened again.
    return this.#deps.keyRing.has(known.grant.user) ? known.grant : undefined;
  }

  #nameOf({ user = '', secret }: Credential): string {
    return toHex(this.#deps.suite.blake2bKeyed(this.#hashKey, utf8(JSON.stringify([user, secret]))));
  }

  async #judge(asked: Asked, signal: AbortSignal): Promise<Grant | undefined> {
    const { clock, slots } = this.#deps;
    const now = clock.now();
    const all = await slots.of(asked.user);
    const usable = all.filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > now);
    if (asked.kind === 'password') return this.#byPassword(asked, usable, signal);
    const slot = usable.find(({ id }) => id === asked.token.slotId);
    const hubKey = slot === undefined ? undefined : openTokenSlot(slot, asked.token);
    return slot === undefined || hubKey === undefined ? undefined : this.#admit(asked.user, slot, hubKey);
  }

  async #byPassword(
    { password, user }: Extract<Asked, { kind: 'password' }>,
    usable: readonly Slot[],
    signal: AbortSignal,
  ): Promise<Grant | undefined> {
    const { clock, mayJoin, random, slots, stretcher } = this.#deps;
    const slot = usable.find(({ kind }) => kind === 'password');
    // Whoever has no slot costs the same.
    const stretching = slot?.stretching ?? createStretching(random);
    const key = await stretcher.stretch(password, stretching);
    const opened = slot === undefined ? undefined : openPasswordSlot(slot, key);
    if (slot !== undefined && opened !== undefined) return this.#admit(user, slot, opened);
    if (!mayJoin(user)) return undefined;
    const hubKey = await this.#askHome(user, password, signal);
    const made = await slots.addPassword(user, hubKey, { stretching: createStretching(random), password }, clock.now());
    return this.#admit(user, made, hubKey);
  }

  /** Throws HubError `refused`, `home_unreachable`, `busy`. */
  async #askHome(user: Address, password: string, signal: AbortSignal): Promise<Uint8Array> {
    const { component, homeCheck, joins, keys, random, servers, slots } = this.#deps;
    using _ = await joins.enter(signal);
    // Whoever only guesses costs no process, and leaves no folder.
    await homeCheck.check(user, password, signal);
    const server = servers.of(user);
    using _held = server.hold();
    try {
      const { instance } = await server.want(signal);
      const sealed = sealTo(random, component.correspondence.sealingKeyOf(instance), JOIN_PURPOSE, utf8(password));
      const body = { password: toBase64(sealed) };
      const about = { user, signal, timeoutMs: JOIN_TIMEOUT_MS };
      const answer = sessionJoined.parse(await component.request(instance, 'session.join', body, about));
      return openSealed(keys, HUB_KEY_PURPOSE, fromBase64(answer.hubKey));
    } catch (error) {
      // Nobody has come in: what was started for the question ends with it.
      if (!this.#deps.keyRing.has(user)) {
        server.stop();
        await slots.forgetIfNew(user);
      }
      throw error;
    }
  }

  #admit(user: Address, slot: Slot, hubKey: Uint8Array): Grant {
    const { id, kind, name, parent } = slot;
    this.#deps.keyRing.hold(user, hubKey);
    hubKey.fill(0);
    const session = parseSessionId(kind === 'session' ? name : this.#sharedSession(user, id));
    return { user, slotId: id, kind, parent, scopes: kind === 'password' ? SCOPES : slot.scopes, session };
  }

  #sharedSession(user: Address, slotId: string): string {
    return toHex(this.#deps.suite.blake2bKeyed(this.#hashKey, utf8(`session\n${user}\n${slotId}`)).subarray(0, 16));
  }
}

function refusal(): HubError {
  return new HubError('refused', 'address and password do not belong together');
}

type Asked =
  | { readonly kind: 'password'; readonly user: Address; readonly password: string }
  | { readonly kind: 'token'; readonly user: Address; readonly token: NonNullable<ReturnType<typeof parseToken>> };

/** Whom a credential is about, if it can be one; nothing is proven. */
export function claimedUser(credential: Credential): Address | undefined {
  return parseCredential(credential)?.user;
}

/** Undefined for what can be no credential. */
function parseCredential({ secret, user }: Credential): Asked | undefined {
  if (secret.length === 0 || secret.length > PASSWORD_CHARACTERS_MAX) return undefined;
  const address = user === undefined ? undefined : user.toLowerCase();
  if (isToken(secret)) {
    const token = parseToken(secret);
    if (token === undefined || (address !== undefined && address !== token.user)) return undefined;
    return { kind: 'token', user: token.user, token };
  }
  if (address === undefined || !isAddress(address)) return undefined;
  return { kind: 'password', user: parseAddress(address), password: secret };
}
