/**
 * Reaching the nodes of the directory: pings without authenticating, and connections whose node is proven to be one of the
 * home's (by the pinned home document) or the very one that the person added by key.
 */
import { type KeyPair, whenAborted } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { ChoiceNetwork, PingAnswer } from '../choice/index.ts';
import {
  authenticate,
  ConnectionError,
  type HandshakeDeps,
  type NodeConnection,
  openConnection,
} from '../connection/index.ts';
import type { HomePin } from '../contacts/home-pin.ts';
import type { DirectoryNode } from '../directory/index.ts';
import { NodeLink } from './node-link.ts';

export interface NetworkDeps extends HandshakeDeps {
  readonly home: HomePin;
}

export class NodeNetwork implements ChoiceNetwork<NodeLink> {
  readonly #deps: NetworkDeps;
  readonly #address: Address;
  readonly #device: KeyPair;

  constructor(deps: NetworkDeps, options: { readonly address: Address; readonly device: KeyPair }) {
    this.#deps = deps;
    this.#address = options.address;
    this.#device = options.device;
  }

  async ping(node: DirectoryNode, signal: AbortSignal): Promise<PingAnswer> {
    const startedAt = this.#deps.clock.monotonic();
    const connection = await this.#open(node, signal);
    const rttMs = this.#deps.clock.monotonic() - startedAt;
    const { store } = connection.info;
    await connection[Symbol.asyncDispose]();
    return { rttMs, store };
  }

  async connect(node: DirectoryNode, signal: AbortSignal): Promise<NodeLink> {
    const connection = await this.#open(node, signal);
    const cut = (): void => connection.cut(new ConnectionError('closed', 'no longer wanted', { retry: 'now' }));
    using _ = whenAborted(signal, cut);
    try {
      const { home } = this.#deps;
      await authenticate(this.#deps, connection, { address: this.#address, home: home.home, key: this.#device });
      const verdict = await home.refresh(connection, node.name);
      if (verdict.status === 'refused' && verdict.code !== 'home_rolled_back')
        throw new ConnectionError('wrong_node', verdict.why, { details: { alarm: verdict.code } });
      if (node.key === undefined && !home.isNode(connection.info.node))
        throw new ConnectionError('wrong_node', `${node.name} is not a node that the home document names`);
      await connection.ping();
      return new NodeLink(node.name, connection);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw error;
    }
  }

  /** The first of a node's URLs that answers. */
  async #open(node: DirectoryNode, signal: AbortSignal): Promise<NodeConnection> {
    let failure: unknown;
    for (const url of node.urls) {
      try {
        return await openConnection(this.#deps, { url, home: this.#deps.home.home, key: node.key }, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }
}
