/**
 * One attempt to deliver a letter to the people of one domain: its servers one after the other, until one has said something of
 * the letter. Nothing is kept here, and nothing is tried twice at one server, but for TLS that fails where nobody asked for it.
 */
import type { Clock } from '../../base/index.ts';
import { type Address, homeOf } from '../../protocol/index.ts';
import type { Attempt } from './judging.ts';
import type { Reply } from './letter.ts';
import { ATTEMPT_TIMEOUT_MS } from './limits.ts';
import { type RouteDeps, type RouteOptions, routeTo } from './route.ts';
import { type Consignment, type MailServer, type Talk, talkTo } from './smtp-talk.ts';

export interface CourierDeps extends RouteDeps {
  readonly clock: Clock;
}

export interface CourierOptions extends RouteOptions {
  /** What this machine calls itself. */
  readonly name: string;
}

export class Courier {
  readonly #deps: CourierDeps;
  readonly #options: CourierOptions;

  constructor(deps: CourierDeps, options: CourierOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Throws the signal's reason. */
  async carry(domain: string, consignment: Consignment, signal: AbortSignal): Promise<Attempt> {
    const timer = new AbortController();
    const within = AbortSignal.any([signal, timer.signal]);
    const late = this.#deps.clock.sleep(ATTEMPT_TIMEOUT_MS, within).then(
      () => timer.abort(LATE),
      () => undefined, // it was in time, or is over
    );
    try {
      return await this.#carry(domain, consignment, within);
    } catch (error) {
      if (signal.aborted || error !== LATE) throw error;
      return failed({ code: 451, text: `4.4.2 the servers of ${domain} take too long` });
    } finally {
      timer.abort(OVER);
      await late;
    }
  }

  async #carry(domain: string, consignment: Consignment, signal: AbortSignal): Promise<Attempt> {
    const route = await routeTo(this.#deps, domain, this.#options, signal);
    if (route.kind === 'nowhere')
      return route.reply.code >= 500 ? toAll(consignment.to, route.reply) : failed(route.reply);
    let last: Reply = { code: 451, text: `4.4.4 no server of ${domain} has an address that mail may go to` };
    for await (const server of route.servers) {
      const talk = await this.#talk(server, consignment, signal);
      if (talk.kind === 'answered') return talk;
      last = talk.reply;
      if (talk.kind === 'cut') break;
    }
    return failed(last);
  }

  async #talk(server: MailServer, consignment: Consignment, signal: AbortSignal): Promise<Talk> {
    const { name } = this.#options;
    const talk = await talkTo(server, name, consignment, signal);
    const mayBeClear = talk.kind === 'turned_away' && talk.isTls && server.security === 'opportunistic';
    return mayBeClear ? talkTo({ ...server, security: 'clear' }, name, consignment, signal) : talk;
  }
}

/** Of an address at a home on this machine, whose name has a port that no mail server understands. */
export function senderOf(author: Address): string {
  return author.slice(0, author.lastIndexOf('@') + 1) + homeOf(author).replace(/:\d+$/, '');
}

const LATE = new Error('an attempt takes too long');
const OVER = new Error('the attempt is over');

function failed(reply: Reply): Attempt {
  return { kind: 'failed', reply };
}

function toAll(people: readonly Address[], reply: Reply): Attempt {
  return { kind: 'answered', replies: new Map(people.map((address) => [address, reply])) };
}
