/**
 * How the home answers a device that asks to be let in. Node choice sees a node that failed and looks for another; a person
 * is told why, and not that nobody answers.
 */
import { refusedDevice } from '../account/refusals.ts';
import type { ChoiceNetwork, PingAnswer } from '../choice/index.ts';
import type { ClientError } from '../client-error.ts';
import type { DirectoryNode } from '../directory/index.ts';
import type { NodeLink } from './node-link.ts';
import type { NodeNetwork } from './node-network.ts';

export class Admission implements ChoiceNetwork<NodeLink> {
  readonly #network: NodeNetwork;
  #refusal: ClientError | undefined;

  constructor(network: NodeNetwork) {
    this.#network = network;
  }

  /** Why the home did not let this device in, the last time that it was asked; undefined: it did, or nobody answered. */
  get refusal(): ClientError | undefined {
    return this.#refusal;
  }

  /** The home is asked anew: what it said before is no answer to this. */
  forget(): void {
    this.#refusal = undefined;
  }

  ping(node: DirectoryNode, signal: AbortSignal): Promise<PingAnswer> {
    return this.#network.ping(node, signal);
  }

  async connect(node: DirectoryNode, signal: AbortSignal): Promise<NodeLink> {
    try {
      const link = await this.#network.connect(node, signal);
      this.forget();
      // Who is shut out while connected hears it at the end of the connection.
      void link.connection.ended.then((error) => this.#take(error));
      return link;
    } catch (error) {
      this.#take(error);
      throw error;
    }
  }

  #take(error: unknown): void {
    this.#refusal = refusedDevice(error) ?? this.#refusal;
  }
}
