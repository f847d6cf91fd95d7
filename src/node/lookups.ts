/** What a client asks about people, homes and conversations: signed chains, and the PDUs that it folds before it writes. */
import {
  type Address,
  type GetChain,
  type GetConversation,
  parseAddress,
  parseConversationId,
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
}

const NO_BODY = new Uint8Array(0);

export class Lookups {
  readonly #deps: LookupsDeps;

  constructor(deps: LookupsDeps) {
    this.#deps = deps;
  }

  /** Throws ProtocolError for what is no address. */
  async getChain(session: Session, { request, address, after }: GetChain): Promise<void> {
    if (address !== '' && session.identity === undefined)
      return session.refuse(request, 'auth_needed', 'authenticate to look up an account');
    const documents =
      address === ''
        ? await this.#deps.home.documents(after)
        : await this.#deps.accounts.chain(parseAddress(address), after);
    return session.send({ oneofKind: 'chain', chain: { request, documents: [...documents] } });
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
