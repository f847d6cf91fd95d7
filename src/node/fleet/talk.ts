/** What another node says over a link, and what it asks: who may ask for what is judged here. */
import { fromHex, type Log } from '../../base/index.ts';
import { encodeKeyLogPage, feedIdOf, type HomeName } from '../../protocol/index.ts';
import type { HomeChain } from '../home-chain.ts';
import type { HomeKeyLog } from '../key-log.ts';
import type { ControlMessage } from './control-message.ts';
import type { Copies } from './copies.ts';
import type { Exchanges } from './exchanges.ts';
import { FleetError } from './fleet-error.ts';
import type { Membership } from './membership.ts';
import type { NodeLink } from './node-link.ts';
import { type AnswerOf, isRequest, parseRequest, type RequestOf } from './requests.ts';
import type { Roster } from './roster.ts';
import type { SharedFeeds } from './shared-feeds.ts';

/** What the registrar does for the other nodes. */
export interface RegistrarDuties {
  register(request: RequestOf<'register'>): Promise<AnswerOf<'register'>>;
  registerDoor(request: RequestOf<'registerDoor'>): Promise<AnswerOf<'register'>>;
  extend(request: RequestOf<'extend'>): Promise<AnswerOf<'register'>>;
  /** Throws FleetError `not_here` when this node cannot know yet. */
  versions(request: RequestOf<'versions'>): Promise<AnswerOf<'versions'>>;
}

export interface TalkDeps {
  readonly log: Log;
  readonly home: HomeChain;
  readonly keyLog: HomeKeyLog;
  readonly roster: Roster;
  readonly copies: Copies;
  readonly membership: Membership;
  readonly shared: SharedFeeds;
  readonly exchanges: Exchanges;
  readonly duties: () => RegistrarDuties | undefined;
  /** The other end is ready to copy: so is this one now. */
  readonly begin: (link: NodeLink, keys: readonly Uint8Array[]) => Promise<void>;
}

export class Talk {
  readonly #deps: TalkDeps;
  readonly #home: HomeName;

  constructor(deps: TalkDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  async hear(link: NodeLink, message: ControlMessage, signal: AbortSignal): Promise<void> {
    const { copies, log, shared } = this.#deps;
    switch (message.t) {
      case 'feeds':
        return shared.addCopies(message.keys);
      case 'home':
        return this.#hearHome(link, message.version, message.documents);
      case 'exchange':
        return this.#deps.exchanges.hear(link, message, signal);
      case 'stored':
        copies.told(link.other.key, feedIdOf(fromHex(message.feed)), message.to);
        break;
      default:
        log.debug({ node: link.other.name, said: message.t }, 'a node says what is not for a link');
    }
  }

  /** What is here of the home's chain from one version before `after` on. */
  async tellHome(link: NodeLink, after: number): Promise<void> {
    const { home } = this.#deps;
    const documents = await home.documents(Math.max(0, after - 1));
    link.tell({ t: 'home', version: home.current?.version ?? 0, documents: [...documents] });
  }

  /** Throws FleetError. */
  async answer(link: NodeLink, what: string, body: unknown): Promise<unknown> {
    const { begin, keyLog, membership, shared } = this.#deps;
    if (!isRequest(what)) throw new FleetError('malformed', `nobody here knows the request ${what}`);
    switch (what) {
      case 'open': {
        await begin(link, parseRequest('open', body).keys);
        return { keys: shared.keysFor(link) };
      }
      case 'publish':
        await membership.publishOther(link.other.key, parseRequest('publish', body));
        return {};
      case 'keyLog': {
        const { after } = parseRequest('keyLog', body);
        return { page: encodeKeyLogPage(await keyLog.page(after)) };
      }
      case 'block':
        return shared.blockFor(link, parseRequest('block', body));
      case 'register':
        return this.#dutiesFor(link).register(parseRequest('register', body));
      case 'registerDoor':
        return this.#dutiesFor(link).registerDoor(parseRequest('registerDoor', body));
      case 'extend':
        return this.#dutiesFor(link).extend(parseRequest('extend', body));
      case 'versions':
        return this.#dutiesFor(link).versions(parseRequest('versions', body));
    }
  }

  async #hearHome(link: NodeLink, version: number, documents: readonly Uint8Array[]): Promise<void> {
    const { home, membership, shared } = this.#deps;
    await home.learn(this.#home, documents);
    await membership.heardOf(version);
    if (version < (home.current?.version ?? 0)) await this.tellHome(link, version);
    // Whoever told may have feeds that could not be known before.
    if (documents.length > 0) link.tell({ t: 'feeds', keys: [...shared.keysFor(link)] });
  }

  #dutiesFor({ other }: NodeLink): RegistrarDuties {
    const { membership, roster } = this.#deps;
    const duties = this.#deps.duties();
    if (roster.standingOf(other.key) !== 'node') throw new FleetError('not_a_node', 'not one of this home');
    if (!membership.mayActAsRegistrar || duties === undefined)
      throw new FleetError('not_here', 'another node keeps the keys of this home');
    return duties;
  }
}
