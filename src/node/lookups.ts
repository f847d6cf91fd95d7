/** What a client asks about people, homes and conversations: signed chains, and the PDUs that it folds before it writes. */
import { type Conversations, FederationError, homeVerdictOf, type Messaging, type Place } from '../federation/index.ts';
import {
  type Address,
  type ClientMessage,
  type ConversationId,
  type GetChain,
  type GetConversation,
  type GetDeliveries,
  type GetKeyLog,
  type HomeName,
  homeOf,
  type KeyLogPage,
  parseAddress,
  parseConversationId,
  parseHomeName,
  parsePduId,
  refusalOfVerdict,
  requestNumberOf,
} from '../protocol/index.ts';
import { Deliveries } from './deliveries.ts';
import type { HeldPdus } from './held-pdus.ts';
import type { HomeChain } from './home-chain.ts';
import type { KeyLog } from './key-log.ts';
import type { Letters } from './letters.ts';
import { CONVERSATION_PAGE_PDUS } from './limits.ts';
import type { HomePeople } from './local-people.ts';
import type { Session } from './session.ts';

type LetterMessage = Extract<ClientMessage, { oneofKind: 'letter' | 'letterPiece' }>;

export interface LookupsDeps {
  readonly conversations: Conversations;
  readonly held: HeldPdus;
  readonly home: HomeChain;
  readonly keyLog: Pick<KeyLog, 'page'>;
  readonly letters: Pick<Letters, 'reports' | 'reportsOf' | 'take' | 'takePiece'>;
  /** undefined: this node speaks with no other home. */
  readonly messaging:
    | Pick<
        Messaging,
        'accountDocuments' | 'conversationPage' | 'homeDocuments' | 'keyLogPage' | 'reports' | 'reportsOf'
      >
    | undefined;
  readonly people: Pick<HomePeople, 'documents'>;
}

const NO_BODY = new Uint8Array(0);

export class Lookups {
  readonly #deps: LookupsDeps;
  readonly #deliveries: Deliveries;
  readonly #home: HomeName;

  constructor(deps: LookupsDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#deliveries = new Deliveries(deps);
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
      return refuseFor(session, request, error);
    }
  }

  /** Throws ProtocolError for what is no home. */
  async getKeyLog(session: Session, { request, home, after }: GetKeyLog): Promise<void> {
    try {
      const page = await this.#keyLogPage(home, after);
      if (page === undefined) return session.refuse(request, 'unknown_home', 'this node speaks with no other home');
      return await session.send({ oneofKind: 'keyLog', keyLog: { request, page } });
    } catch (error) {
      return refuseFor(session, request, error);
    }
  }

  async #keyLogPage(who: string, after: number): Promise<KeyLogPage | undefined> {
    const { keyLog, messaging } = this.#deps;
    if (who === '' || who === this.#home) return keyLog.page(after);
    return messaging?.keyLogPage(parseHomeName(who), after);
  }

  /** Empty: our own home; a home's name: that home; an address: its account, here or at its home. */
  async #documents(who: string, after: number): Promise<readonly Uint8Array[]> {
    const { home, messaging, people } = this.#deps;
    if (who === '' || who === this.#home) return home.documents(after);
    if (!who.includes('@')) {
      const name = parseHomeName(who);
      return messaging === undefined ? [] : messaging.homeDocuments(name, after);
    }
    const address = parseAddress(who);
    if (homeOf(address) === this.#home) return people.documents(address, after);
    return messaging === undefined ? [] : messaging.accountDocuments(address, after);
  }

  /** Throws ProtocolError for what is no conversation. */
  async getConversation(session: Session, address: Address, ask: GetConversation): Promise<void> {
    const conversation = parseConversationId(ask.conversation);
    if (ask.home !== '' && ask.home !== this.#home)
      return this.#getShown(session, parseHomeName(ask.home), conversation, ask);
    const { conversations, held } = this.#deps;
    // One answer for what is not here and what is not the caller's.
    if (!(await held.concerns(conversation, address)) && !(await conversations.isOpen(conversation)))
      return session.refuse(ask.request, 'unknown', 'no such conversation of this account');
    const page = await held.page(conversation, placeOf(ask), CONVERSATION_PAGE_PDUS);
    const pdus = page.map(({ pdu, body }) => ({ pdu: pdu.header, body: body ?? NO_BODY, hasBody: body !== undefined }));
    const more = page.length === CONVERSATION_PAGE_PDUS;
    return session.send({ oneofKind: 'conversation', conversation: { request: ask.request, pdus, more } });
  }

  getDeliveries(session: Session, address: Address, { request }: GetDeliveries): Promise<void> {
    return this.#deliveries.answer(session, address, request);
  }

  /** Ordinary mail, or a part of it, to whoever sends it on. */
  async takeLetter(session: Session, address: Address, message: LetterMessage): Promise<void> {
    const { letters } = this.#deps;
    const isWhole = message.oneofKind === 'letter';
    const receipt = await (isWhole
      ? letters.take(address, message.letter)
      : letters.takePiece(address, message.letterPiece));
    if (receipt !== undefined) return session.send({ oneofKind: 'receipt', receipt });
    return session.refuse(requestNumberOf(message), 'no_letters', 'this home sends no ordinary mail', {
      fix: 'Its operator can start it with --smtp-send or --smtp-relay.',
    });
  }

  /** As another home shows it: nobody here need have a part in it yet. */
  async #getShown(session: Session, home: HomeName, conversation: ConversationId, ask: GetConversation): Promise<void> {
    const { request } = ask;
    const { messaging } = this.#deps;
    if (messaging === undefined) return session.refuse(request, 'unknown_home', 'this node speaks with no other home');
    try {
      const { pdus, more } = await messaging.conversationPage(home, conversation, placeOf(ask));
      return await session.send({ oneofKind: 'conversation', conversation: { request, pdus: [...pdus], more } });
    } catch (error) {
      if (error instanceof FederationError && error.code === 'forbidden')
        return session.refuse(request, 'unknown', `${home} shows no such conversation`);
      return refuseFor(session, request, error);
    }
  }
}

function placeOf({ afterDepth, afterId }: GetConversation): Place | undefined {
  return afterDepth === 0 ? undefined : { depth: afterDepth, id: parsePduId(afterId) };
}

/** Another home, or the rest of this one, could not be asked. Throws what is none of that. */
function refuseFor(session: Session, request: number, error: unknown): Promise<void> {
  if (!(error instanceof FederationError)) throw error;
  return session.refuse(request, refusalOfVerdict(homeVerdictOf(error)), error.message);
}
