/**
 * The links of this node: one to each other node that is there, whichever of the two dialed it, from the first word to its end.
 */
import {
  type Clock,
  type CryptoSuite,
  type Dialer,
  type FrameSocket,
  type Log,
  type Scope,
  type SecureRandom,
  toBase64,
} from '../../base/index.ts';
import type { PeerId } from '../../feed/index.ts';
import type { HomeNode } from '../../protocol/index.ts';
import type { HomeChain } from '../home-chain.ts';
import type { Copies } from './copies.ts';
import { FleetError } from './fleet-error.ts';
import { greetAsDialer, type OwnNode } from './greeting.ts';
import { upgradeUrl } from './handshake.ts';
import type { Membership } from './membership.ts';
import { NodeLink, type OtherNode } from './node-link.ts';
import { parseAnswer } from './requests.ts';
import type { SharedFeeds } from './shared-feeds.ts';
import type { Talk } from './talk.ts';

export interface LinksDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly home: HomeChain;
  /** undefined: this node dials no other. */
  readonly dialer: Dialer | undefined;
  readonly scope: Scope;
  readonly copies: Copies;
  readonly membership: Membership;
  readonly shared: SharedFeeds;
  readonly talk: () => Talk;
  /** Both ends know each other's feeds. */
  readonly onBegun: (link: NodeLink) => void;
  readonly onEnded: () => void;
}

interface Linked {
  readonly link: NodeLink;
  peer: PeerId | undefined;
}

export class Links {
  readonly #deps: LinksDeps;
  readonly #own: OwnNode;
  /** By key. */
  readonly #links = new Map<string, Linked>();

  constructor(deps: LinksDeps, own: OwnNode) {
    this.#deps = deps;
    this.#own = own;
  }

  get all(): readonly NodeLink[] {
    return [...this.#links.values()].map(({ link }) => link);
  }

  of(key: Uint8Array): NodeLink | undefined {
    return this.#links.get(toBase64(key))?.link;
  }

  /** Of two nodes the one that dials after a cut. */
  dialsFirst(other: string): boolean {
    return this.#own.name < other;
  }

  /** Resolves when there is a link. Throws FleetError or DialError. */
  async dial(node: HomeNode, signal: AbortSignal): Promise<void> {
    const { dialer, scope, suite } = this.#deps;
    const [url] = node.urls;
    if (dialer === undefined || url === undefined) throw new FleetError('closed', `node ${node.name} names no URL`);
    const socket = await dialer.dial(upgradeUrl(suite, this.#own.home, url, this.#own.key), signal);
    const greeted = await greetAsDialer(this.#deps, this.#own, socket, node.key, signal);
    scope.spawn('link', () => this.run(socket, greeted.frames, { name: node.name, key: node.key, isDialed: true }));
  }

  /** One link, from its first word to its end. */
  async run(socket: FrameSocket, frames: AsyncIterator<Uint8Array>, other: OtherNode): Promise<void> {
    const { copies, log, onEnded, scope, shared, talk } = this.#deps;
    const name = toBase64(other.key);
    const link = new NodeLink(
      {
        ...this.#deps,
        answer: (from, what, body) => talk().answer(from, what, body),
        hear: (from, message) => scope.spawn('hear', (signal) => talk().hear(from, message, signal)),
      },
      socket,
      frames,
      other,
    );
    const before = this.#links.get(name)?.link;
    if (before !== undefined) {
      // Both have dialed: both keep the same one. Otherwise the other end knows better that the one before is dead.
      if (before.other.isDialed === this.dialsFirst(other.name) && other.isDialed !== before.other.isDialed) {
        socket.close(1000, 'linked already');
        return;
      }
      before.close('replaced');
    }
    const linked: Linked = { link, peer: undefined };
    this.#links.set(name, linked);
    log.info({ node: other.name }, 'a link to another node of this home');
    const ended = link.run();
    try {
      await Promise.all([ended, other.isDialed ? this.#greetOver(linked) : undefined]);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      log.info({ error, node: other.name }, 'a link to another node did not hold');
    } finally {
      link.close('over');
      await ended;
      if (linked.peer !== undefined) shared.end(linked.peer);
      if (this.#links.get(name) === linked) this.#links.delete(name);
      copies.wake();
      onEnded();
      log.info({ node: other.name }, 'the link to another node ended');
    }
  }

  /** The acceptor's first words: the dialer has said which feeds it has. */
  async beginFor(link: NodeLink, keys: readonly Uint8Array[]): Promise<void> {
    const linked = this.#links.get(toBase64(link.other.key));
    if (linked?.link !== link || linked.peer !== undefined) throw new FleetError('malformed', 'opened already');
    await this.#deps.shared.addCopies(keys);
    this.#begin(linked, keys);
  }

  close(): void {
    for (const { link } of this.#links.values()) link.close('stopping');
  }

  /** The dialer's first words: then both know each other's feeds. */
  async #greetOver(linked: Linked): Promise<void> {
    const { home, membership, shared } = this.#deps;
    const { link } = linked;
    // First its name: feeds that the document does not name are not copied.
    if (link.other.name === home.current?.registrar) await membership.publishSelf();
    const answer = parseAnswer('open', await link.ask('open', { keys: shared.keysFor(link) }));
    await shared.addCopies(answer.keys);
    this.#begin(linked, answer.keys);
  }

  #begin(linked: Linked, keys: readonly Uint8Array[]): void {
    const { home, onBegun, shared } = this.#deps;
    const { link } = linked;
    const handle = shared.begin(link, keys);
    linked.peer = handle.id;
    void handle.ended.then(() => link.close('feeds'));
    link.tell({ t: 'home', version: home.current?.version ?? 0, documents: [] });
    onBegun(link);
  }
}
