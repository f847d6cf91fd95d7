/** What a client asks about people, homes and conversations: signed chains, and the PDUs that it folds before it writes. */
import { FederationError, type Messaging } from '../federation/index.ts';
import {
  type Address,
  type GetChain,
  type GetConversation,
  type HomeName,
  homeOf,
  parseAddress,
  parseConversationId,
  parseHomeName,
  parsePduId,
} from '../protocol/index.ts';
import type { Accounts } from './accounts.ts';
import type { HeldPdus } from './held-pdus.ts';
import type { HomeChain } from './home-chain.ts';
import { CONVERSATION_PAGE_PDUS } from './limits.ts';
import type { Session } from './session.ts';

export interface LookupsDeps {
  readonly accounts: Accounts;
  readonly held: HeldPdus;
  readonly home: HomeChain;
  /** undefined: this node speaks with no other home. */
  readonly messaging: Pick<Messaging, 'accountDocuments' | 'homeDocuments'> | undefined;
}

const NO_BODY = new Uint8Array(0);

export class Lookups {
  readonly #deps: LookupsDeps;
  readonly #home: HomeName;

  constructor(deps: LookupsDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  /** Throws ProtocolError for what is no address. */
  async getChain(session: Session, { request, address, after }: GetChain): Promise<void> {
    if (address !== '' && session.identity === undefined)
      return session.refuse(request, 'auth_needed', 'authenticate to look up an account');
    try {
      const documents = await this.#documents(address, after);
      return await session.send({ oneofKind: 'chain', chain: { request, documents: [...documents] } });
    } catch (error) {
      if (!(error instanceof FederationError)) throw error;
      const code = error.code === 'unknown_home' ? 'unknown_home' : 'home_unreachable';
      return session.refuse(request, code, error.message);
    }
  }

  /** Empty: our own home; a home's name: that home; an address: its account, here or at its home. */
  async #documents(who: string, after: number): Promise<readonly Uint8Array[]> {
    const { accounts, home, messaging } = this.#deps;
    if (who === '' || who === this.#home) return home.documents(after);
    if (!who.includes('@')) {
      const name = parseHomeName(who);
      return messaging === undefined ? [] : messaging.homeDocuments(name, after);
    }
    const address = parseAddress(who);
    if (homeOf(address) === this.#home) return accounts.chain(address, after);
    return messaging === undefined ? [] : messaging.accountDocuments(address, after);
  }

  /** Throws ProtocolError for what is no conversation. */
  async getConversation(session: Session, address: Address, ask: GetConversation): Promise<void> {
    const conversation = parseConversationId(ask.conversation);
    const { held } = this.#deps;
    // One answer for what is not here and what is not the caller's.
    if (!(await held.concerns(conversation, address)))
      return session.refuse(ask.request, 'unknown', 'no such conversation of this account');
    const after = ask.afterDepth === 0 ? undefined : { depth: ask.afterDepth, id: parsePduId(ask.afterId) };
    const page = await held.page(conversation, after, CONVERSATION_PAGE_PDUS);
    const pdus = page.map(({ pdu, body }) => ({ pdu: pdu.header, body: body ?? NO_BODY, hasBody: body !== undefined }));
    const more = page.length === CONVERSATION_PAGE_PDUS;
    return session.send({ oneofKind: 'conversation', conversation: { request: ask.request, pdus, more } });
  }
}
