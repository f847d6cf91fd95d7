/** A JMAP program of a person at a hub: hears pushes, asks for what changed, marks and moves. Its session opens itself again. */
import { setTimeout as pause } from 'node:timers/promises';
import { isAbort, type Prng } from '../../src/base/index.ts';
import { connect, HubError, type HubSession, type HubTarget } from '../../src/hub-client/index.ts';
import type { Address, Json, PduId } from '../../src/protocol/index.ts';
import type { Canary } from './canary.ts';
import { MARKED_AMONG } from './limits.ts';
import type { MailBook } from './mail-book.ts';
import { everySoOften, pick } from './traffic.ts';

type Arguments = Readonly<Record<string, Json>>;
type Answer = Readonly<Record<string, unknown>>;
/** An answer may be lost with the connection; what was asked is asked again. */
const AGAIN_MS = 1_000;
const GET_MAX = 500;
const USING = ['core', 'mail', 'submission'].map((name) => `urn:ietf:params:jmap:${name}`);
const never = new AbortController().signal;

export interface Email {
  readonly id: string;
  readonly subject: string;
  readonly keywords: Readonly<Record<string, boolean>>;
  readonly mailboxIds: Readonly<Record<string, boolean>>;
}

export class Session implements AsyncDisposable {
  /** `ada's hub`. */
  readonly name: string;
  readonly address: Address;
  readonly counts = { pushes: 0, cuts: 0, opened: 0 };
  readonly #session: HubSession;
  readonly #deps: { readonly book: MailBook; readonly canary: Canary };
  readonly #ids: string[] = [];
  #state: string | undefined;
  #isBehind = true;

  private constructor(session: HubSession, address: Address, deps: { book: MailBook; canary: Canary }) {
    this.#session = session;
    this.#deps = deps;
    this.address = address;
    this.name = `${address.split('@')[0]}'s hub`;
    deps.book.addPlace(this);
    session.on('push', () => {
      this.counts.pushes += 1;
      this.#isBehind = true;
    });
    session.on('cut', () => {
      this.counts.cuts += 1;
    });
    session.on('opened', () => {
      this.counts.opened += 1;
      this.#isBehind = true; // what was pushed meanwhile is not pushed again
    });
  }

  static async open(
    target: HubTarget,
    address: Address,
    deps: { readonly book: MailBook; readonly canary: Canary },
  ): Promise<Session> {
    const session = await connect(target).open({ user: address, password: deps.canary.password });
    return new Session(session, address, deps);
  }

  /** Until the signal: follows the pushes. Rejects when the session has ended for good. */
  async follow(signal: AbortSignal): Promise<void> {
    await everySoOften(AGAIN_MS / 2, signal, async () => {
      if (!this.#isBehind) return;
      this.#isBehind = false;
      await this.#catchUp().catch((error: unknown) => this.#onFailure(error));
    });
  }

  /** Once: throws HubError when the connection ends before the answer. */
  async call(name: string, args: Arguments, account = 'encrypted', signal: AbortSignal = never): Promise<Answer> {
    const methodCalls = [[name, { accountId: account, ...args }, '0']];
    const answer = await this.#session.request({ using: USING, methodCalls }, signal);
    const { methodResponses } = answer as { readonly methodResponses: readonly (readonly [string, Answer])[] };
    const [[method, result] = ['error', {}]] = methodResponses;
    if (method === 'error') throw new MethodError(name, String(result.type));
    return result;
  }

  /** Again and again, until there is an answer. */
  async ask(name: string, args: Arguments, account?: string): Promise<Answer> {
    for (;;) {
      try {
        return await this.call(name, args, account);
      } catch (error) {
        if (!(error instanceof HubError) || error.code === 'refused') throw error;
        await pause(AGAIN_MS);
      }
    }
  }

  async emails(account?: string): Promise<readonly Email[]> {
    const { ids } = (await this.ask('Email/query', {}, account)) as { readonly ids: readonly string[] };
    const emails: Email[] = [];
    const properties = ['subject', 'keywords', 'mailboxIds'];
    for (let at = 0; at < ids.length; at += GET_MAX) {
      const { list } = await this.ask('Email/get', { ids: ids.slice(at, at + GET_MAX), properties }, account);
      emails.push(...(list as readonly Email[]));
    }
    return emails;
  }

  /** Something that was read, flagged or moved on a screen. */
  async mark(prng: Prng): Promise<void> {
    const id = pick(prng, this.#ids.slice(-MARKED_AMONG));
    if (id === undefined) return;
    const keyword = pick(prng, ['$seen', '$flagged']);
    const update = { [id]: { [`keywords/${keyword}`]: prng.below(4) > 0 ? true : null } };
    await this.call('Email/set', { update }).catch((error: unknown) => this.#onFailure(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async #catchUp(): Promise<void> {
    if (this.#state === undefined) {
      const { state } = await this.call('Email/get', { ids: [] });
      await this.#see((await this.emails()).map(({ id }) => id));
      this.#state = state as string;
      return;
    }
    for (let isMore = true; isMore; ) {
      const changes = await this.call('Email/changes', { sinceState: this.#state });
      await this.#see(changes.created as readonly string[]);
      this.#state = changes.newState as string;
      isMore = changes.hasMoreChanges as boolean;
    }
  }

  async #see(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += GET_MAX) {
      const { list } = await this.call('Email/get', { ids: ids.slice(at, at + GET_MAX), properties: ['subject'] });
      for (const { id, subject } of list as readonly Email[]) {
        const number = this.#deps.canary.numberIn(subject);
        if (number === undefined) this.#deps.book.strange(this, id);
        else this.#deps.book.saw(this, number, id as PduId);
        this.#ids.push(id);
      }
    }
  }

  /** Cut off, or a user server that is too young to know: asked again with the next look. */
  #onFailure(error: unknown): void {
    this.#isBehind = true;
    if (error instanceof MethodError && error.type === 'cannotCalculateChanges') this.#state = undefined;
    else if (error instanceof MethodError) throw error;
    else if (!(error instanceof HubError) && !isAbort(error, never)) throw error;
  }
}

export class MethodError extends Error {
  readonly type: string;

  constructor(method: string, type: string) {
    super(`${method} was answered by the error ${type}`);
    this.type = type;
  }
}
