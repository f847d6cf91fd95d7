/**
 * What this node is in its home: named in the home document, perhaps as the registrar, which signs the document and the log
 * of keys; or removed, with another that goes on with what it had begun.
 */
import { fromUtf8, type KeyPair, type Log, toBase64, utf8 } from '../../base/index.ts';
import type { HomeName, HomeNode } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { HomeChain } from '../home-chain.ts';
import { TAKE_OVER } from '../view-keys.ts';
import { FleetError } from './fleet-error.ts';
import type { Roster } from './roster.ts';

export interface MembershipDeps {
  readonly log: Log;
  readonly store: Store;
  readonly feeds: NodeFeeds;
  readonly home: HomeChain;
  readonly roster: Roster;
  readonly isLinkedTo: (key: Uint8Array) => boolean;
  /** Throws FleetError `no_registrar`. */
  readonly askRegistrar: (what: 'publish', body: unknown) => Promise<unknown>;
  /** To be opened anew. */
  readonly onRoleChanged: (why: string) => void;
  readonly onInherited: () => void;
}

export class Membership {
  readonly #deps: MembershipDeps;
  readonly #own: { readonly home: HomeName; readonly name: string; readonly key: KeyPair };
  #self: HomeNode | undefined;
  /** Another node has told how far it knows the home's chain since this one was opened, or the operator knows. */
  #isConfirmed = false;

  constructor(deps: MembershipDeps, own: { readonly home: HomeName; readonly name: string; readonly key: KeyPair }) {
    this.#deps = deps;
    this.#own = own;
  }

  get isRegistrar(): boolean {
    const { current } = this.#deps.home;
    return current === undefined || current.registrar === this.#own.name;
  }

  /**
   * Whether this node may sign for the home now. A registrar that was away may have been replaced: after a start it asks
   * another node first. (A home of one node has nobody to ask.)
   */
  get mayActAsRegistrar(): boolean {
    return this.isRegistrar && (this.#isConfirmed || this.#others === 0);
  }

  /** The home names this node no more: what it wrote travels on, and it takes nothing new. */
  get isRemoved(): boolean {
    return this.#deps.roster.standingOf(this.#own.key.publicKey) === 'former';
  }

  /** Names this node in the home document, by itself or by the registrar, now and whenever that is not so. */
  async publish(node: HomeNode): Promise<void> {
    this.#self = node;
    await this.publishSelf();
  }

  /**
   * The home goes on without a node, and this one with what it had begun: the outboxes of its feeds, and, when it was the
   * registrar, the home's keys. Throws FleetError.
   */
  async remove(name: string): Promise<void> {
    const { home, store } = this.#deps;
    const gone = this.#deps.roster.nodes.find((node) => node.name === name);
    if (gone === undefined) throw new FleetError('not_a_node', `this home has no node ${name}`);
    if (name === this.#own.name)
      throw new FleetError('not_here', 'a node is removed by the one that takes its place', {
        fix: 'Stop this node, and remove it at another.',
      });
    if (home.current?.registrar !== name && !this.isRegistrar)
      throw new FleetError('not_here', `node ${home.current?.registrar} keeps the keys of this home`, {
        fix: 'Remove the node there.',
      });
    if (this.isRegistrar) {
      this.#isConfirmed = true; // by the operator
      await home.change(this.#own.home, () => this.#without(gone));
      return;
    }
    if (this.#deps.isLinkedTo(gone.key))
      throw new FleetError('refused', `node ${name} keeps the home's keys and runs: two must never sign`, {
        fix: 'Stop it first.',
      });
    // The log of keys is begun by opening anew; then the document names both.
    await store.transact((transaction) => transaction.put(TAKE_OVER, utf8(name)));
    this.#deps.onRoleChanged(`this node takes the place of ${name}`);
  }

  /** What `remove` began before this node was opened anew as the registrar. */
  async takeOver(): Promise<void> {
    const { home, log, store } = this.#deps;
    const row = await store.get(TAKE_OVER);
    if (row === undefined) return;
    const gone = this.#deps.roster.nodes.find(({ name }) => name === fromUtf8(row));
    if (gone !== undefined) await home.change(this.#own.home, () => this.#without(gone));
    await store.transact((transaction) => transaction.delete(TAKE_OVER));
    this.#isConfirmed = true; // by the operator
    log.warn({ gone: fromUtf8(row) }, 'this node keeps the keys of the home now');
  }

  #without(gone: HomeNode): { readonly nodes: readonly HomeNode[]; readonly registrar: string } {
    const own = this.#own.name;
    const nodes = this.#deps.roster.nodes.filter(({ name }) => name !== gone.name);
    return {
      nodes: nodes.map((node) =>
        node.name === own ? { ...node, retired: [...new Set([...node.retired, ...gone.retired, gone.feed])] } : node,
      ),
      registrar: own,
    };
  }

  /** Another node knows the home's chain up to a version. */
  async heardOf(version: number): Promise<void> {
    if (version > (this.#deps.home.current?.version ?? 0) || this.#isConfirmed) return;
    this.#isConfirmed = true;
    await this.publishSelf();
  }

  /** What the home document leaves to this node: the feeds of a node that was removed. */
  async inherit(): Promise<void> {
    const { feeds, home } = this.#deps;
    const self = home.current?.nodes.find(({ name }) => name === this.#own.name);
    const left = (self?.retired ?? []).filter(
      (feed) => feeds.all.get(feed)?.isReplica === true && !feeds.ours.has(feed),
    );
    for (const feed of left) await feeds.inherit(feed);
    if (left.length > 0) this.#deps.onInherited();
  }

  async publishSelf(): Promise<void> {
    const { feeds, home, log } = this.#deps;
    const retired = [...feeds.ours].filter((feed) => feed !== feeds.current.id);
    const named = home.current?.nodes.find(({ name }) => name === this.#own.name)?.retired ?? [];
    // What is named as ended stays named, in its order.
    const node =
      this.#self === undefined ? undefined : { ...this.#self, retired: [...new Set([...named, ...retired])] };
    if (node === undefined || home.withNode(node) === undefined || this.isRemoved) return;
    try {
      if (this.mayActAsRegistrar) await home.publish(this.#own.home, node);
      else if (!this.isRegistrar) await this.#deps.askRegistrar('publish', node);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      log.info({ error }, 'the registrar does not name this node yet');
    }
  }

  /** A node names itself: the name is its own already, or the one that its token was good for. */
  async publishOther(key: Uint8Array, node: HomeNode): Promise<void> {
    const { home } = this.#deps;
    if (!this.mayActAsRegistrar) throw new FleetError('not_here', 'another node keeps the keys of this home');
    const isItself = toBase64(key) === toBase64(node.key);
    const standing = this.#deps.roster.standingOf(key);
    const mayTakeName =
      standing === 'node'
        ? this.#deps.roster.nodes.some((one) => one.name === node.name && toBase64(one.key) === toBase64(key))
        : standing === 'newcomer' && this.#deps.roster.admittedAs(key) === node.name;
    if (!isItself || !mayTakeName) throw new FleetError('refused', `the name ${node.name} is not this node's`);
    await home.change(this.#own.home, () => home.withNode(this.#continued(node)));
    await this.#deps.roster.refresh();
  }

  /** Under a name that had another feed before, that feed has ended: its disk was lost, or it was restored. */
  #continued(node: HomeNode): HomeNode {
    const before = this.#deps.roster.nodes.find(({ name }) => name === node.name);
    const ended = [...(before?.retired ?? []), ...(before === undefined ? [] : [before.feed]), ...node.retired];
    return { ...node, retired: [...new Set(ended)].filter((feed) => feed !== node.feed) };
  }

  get #others(): number {
    return this.#deps.roster.nodes.filter(({ name }) => name !== this.#own.name).length;
  }
}
