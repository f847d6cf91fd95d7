/**
 * Accounts in a fleet. One node, the registrar, writes every chain: the log of the home's keys has one writer and names one
 * document for a version. The other nodes hand over what their clients send, and answer when it has come back to them.
 */
import type { CryptoSuite } from '../../base/index.ts';
import { type Address, parseAccountDocument, parseAddress } from '../../protocol/index.ts';
import type { Accounts, ChainRefusal, ChainResult, ChainWriter } from '../accounts.ts';
import { versionOf } from './catch-up.ts';
import type { Fleet } from './fleet.ts';
import { FleetError } from './fleet-error.ts';
import { type AnswerOf, parseAnswer, type RequestOf } from './requests.ts';
import type { RegistrarDuties } from './talk.ts';

export interface RegistrarDeps {
  readonly suite: CryptoSuite;
  readonly accounts: Accounts;
  readonly fleet: Fleet;
}

export class FleetAccounts implements ChainWriter {
  readonly #deps: RegistrarDeps;

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
  }

  async register(document: Uint8Array, vault: Uint8Array, invite: string): Promise<ChainResult> {
    const { accounts, fleet } = this.#deps;
    if (fleet.membership.isRegistrar && !fleet.membership.mayActAsRegistrar) return AWAY;
    if (fleet.membership.isRegistrar) return this.#spread(await accounts.register(document, vault, invite));
    return this.#handOver('register', { document, vault, invite });
  }

  /** The account of a door, at this node or another of the home: each has its operator's will. */
  async registerDoor(document: Uint8Array, vault: Uint8Array): Promise<ChainResult> {
    const { accounts, fleet } = this.#deps;
    if (fleet.membership.isRegistrar && !fleet.membership.mayActAsRegistrar) return AWAY;
    if (fleet.membership.isRegistrar) return this.#spread(await accounts.registerDoor(document, vault));
    return this.#handOver('registerDoor', { document, vault });
  }

  async extend(address: Address, document: Uint8Array, vault: Uint8Array | undefined): Promise<ChainResult> {
    const { accounts, fleet } = this.#deps;
    if (fleet.membership.isRegistrar && !fleet.membership.mayActAsRegistrar) return AWAY;
    if (fleet.membership.isRegistrar) return this.#spread(await accounts.extend(address, document, vault));
    return this.#handOver('extend', { address, document, vault: vault ?? NONE });
  }

  /** What the other nodes hand over. */
  get duties(): RegistrarDuties {
    return {
      register: async ({ document, vault, invite }) => answerOf(await this.register(document, vault, invite)),
      registerDoor: async ({ document, vault }) => answerOf(await this.registerDoor(document, vault)),
      extend: async ({ address, document, vault }: RequestOf<'extend'>) =>
        answerOf(await this.extend(parseAddress(address), document, vault.length === 0 ? undefined : vault)),
      versions: async ({ addresses }) => {
        if (!this.#deps.fleet.isReady) throw new FleetError('not_here', 'this node does not have everything yet');
        return { versions: await Promise.all(addresses.map((address) => versionOf(this.#deps.accounts, address))) };
      },
    };
  }

  /** A person who goes to another node now should find there what this one has just answered. */
  async #spread(result: ChainResult): Promise<ChainResult> {
    if (result.status === 'accepted') await this.#deps.fleet.waits.settle();
    return result;
  }

  async #handOver(what: 'register' | 'registerDoor' | 'extend', body: object): Promise<ChainResult> {
    const { accounts, fleet, suite } = this.#deps;
    let answer: AnswerOf<'register'>;
    try {
      answer = parseAnswer('register', await fleet.askRegistrar(what, body));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return AWAY;
    }
    if (answer.status === 'refused') return { status: 'refused', code: answer.code as ChainRefusal, why: answer.why };
    const document = parseAccountDocument(suite, answer.document);
    await fleet.waits.untilHere(async () => {
      const here = await accounts.find(document.address);
      return here !== undefined && here.version >= document.version;
    });
    return { status: 'accepted', document };
  }
}

const NONE = new Uint8Array(0);
const AWAY: ChainResult = Object.freeze({
  status: 'refused',
  code: 'registrar_away',
  why: 'the node that keeps the keys of this home is away; mail goes on meanwhile',
});

function answerOf(result: ChainResult): AnswerOf<'register'> {
  return result.status === 'accepted' ? { status: 'accepted', document: result.document.signed.bytes } : result;
}
