/**
 * What this device knows of conversations, folded from PDUs whose authors' signatures it has checked itself: those of its
 * mailbox, and those that its home answers with. So nobody but their members decides who is in them, and nothing is
 * encrypted to whom a home merely names.
 */
import type { CryptoSuite, Log, SignatureChecker } from '../../base/index.ts';
import { CONVERSATION_PDUS_MAX, type Placement } from '../../conversation/index.ts';
import {
  type Address,
  type ConversationId,
  type ConversationPdu,
  type HomeName,
  type Pdu,
  ProtocolError,
  parsePdu,
  pduIdOf,
  signedBytesOf,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { AlarmCode } from '../alarm.ts';
import type { Alarms } from '../alarms.ts';
import { ClientError } from '../client-error.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { signerOf } from '../history/entry-judge.ts';
import { CONVERSATION_AUTHORS_ASKED_MAX, CONVERSATION_READ_WHOLE_MAX } from '../limits.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { keepPdu, readKept } from './conversation-log.ts';
import { type ConversationItem, itemOf } from './conversation-row.ts';
import { OpenConversation } from './open-conversation.ts';
import { checkGaps, checkMayWrite, type GapOptions, notShown, refusalBy, unknownConversation } from './standing.ts';

export interface ConversationsDeps {
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly signatures: SignatureChecker;
  readonly alarms: Alarms;
  readonly contacts: Contacts;
  /** Undefined: offline. */
  readonly connection: () => NodeConnection | undefined;
  /** What the home refused has no place in a conversation. */
  readonly outbox: Pick<Outbox, 'refused'>;
}

/** What has, or may get, a place in the conversation. The rest would fill the disk for whoever invents it. */
const KEPT: ReadonlySet<Placement | undefined> = new Set<Placement>(['admitted', 'waiting', 'no_body']);
const LAST_ID = 'f'.repeat(64);

export class Conversations {
  readonly #deps: ConversationsDeps;
  readonly #own: Address;

  constructor(deps: ConversationsDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** What is here; asks nobody. */
  async known(conversation: ConversationId): Promise<OpenConversation> {
    const kept = await readKept(this.#deps, conversation);
    const { refused } = this.#deps.outbox;
    return new OpenConversation(
      conversation,
      kept.filter(({ pdu }) => !refused.has(pdu.id)),
    );
  }

  /** What is here and, with a node connected, what the home has besides. Throws ClientError `unknown_conversation`. */
  async current(conversation: ConversationId): Promise<OpenConversation> {
    const open = await this.known(conversation);
    const connection = this.#deps.connection();
    if (connection !== undefined)
      try {
        await this.#refresh(connection, open);
      } catch (error) {
        // As if offline: what is here was verified.
        if (connection.isOpen) throw error;
        this.#deps.log.info({ err: error, conversation }, 'the connection ended while a conversation was read');
      }
    if (open.isEmpty) throw unknownConversation(conversation);
    return open;
  }

  /**
   * What another home shows of it to whoever may join. Throws ClientError `unknown_conversation`, `unknown_home`,
   * `home_unreachable` or `offline`.
   */
  async shownBy(home: HomeName, conversation: ConversationId): Promise<OpenConversation> {
    const open = await this.known(conversation);
    const connection = this.#deps.connection();
    if (connection === undefined)
      throw new ClientError('offline', `${home} is asked by your home, and no node of that answers`, {
        retry: 'later',
      });
    await this.#read(connection, open, 0, home);
    if (open.isEmpty) throw notShown(conversation, home);
    return open;
  }

  /** As `current`, for whoever writes to it. Throws ClientError also when this person may not, or a removal may be hidden. */
  async writable(conversation: ConversationId, { despiteGaps = false }: GapOptions): Promise<OpenConversation> {
    const open = await this.current(conversation);
    checkMayWrite(open, this.#own);
    if (!despiteGaps) checkGaps(open, this.isWithheld);
    return open;
  }

  /** Whether a node keeps back entries that it counts: one may be a removal. */
  get isWithheld(): boolean {
    return this.#deps.alarms.list().some(({ code }) => code === 'withheld');
  }

  async #refresh(connection: NodeConnection, open: OpenConversation): Promise<void> {
    const isWhole = open.size <= CONVERSATION_READ_WHOLE_MAX || open.missing.length > 0;
    await this.#read(connection, open, isWhole ? 0 : open.shallowestEnd - 1);
    if (!isWhole && open.missing.length > 0) await this.#read(connection, open, 0);
  }

  /** Everything deeper than `depth`, page by page, of our own home or as another shows it. */
  async #read(connection: NodeConnection, open: OpenConversation, depth: number, home?: HomeName): Promise<void> {
    const asked = new Set<Address>();
    let [afterDepth, afterId] = [depth, depth === 0 ? '' : LAST_ID];
    for (let seen = 0; seen < CONVERSATION_PDUS_MAX; ) {
      const page = await this.#page(connection, open.id, afterDepth, afterId, home);
      if (page === undefined) return;
      const fresh = await this.#judge(connection, open, page.pdus, asked);
      await this.#keep(open, fresh);
      const last = page.pdus.at(-1);
      if (last === undefined || !page.more) return;
      const place = this.#parse(last.pdu);
      const isFurther =
        place !== undefined && (place.depth > afterDepth || (place.depth === afterDepth && place.id > afterId));
      if (!isFurther) return this.#raise(open.id, 'malformed_entry', `${home ?? 'the home'} repeats a page of it`);
      [afterDepth, afterId] = [place.depth, place.id];
      seen += page.pdus.length;
    }
  }

  /** Undefined: our home knows nothing of it, or not that it is ours. */
  async #page(
    connection: NodeConnection,
    conversation: ConversationId,
    afterDepth: number,
    afterId: string,
    home: HomeName | undefined,
  ) {
    try {
      const answer = await connection.request('conversation', (request) => ({
        oneofKind: 'getConversation',
        getConversation: { request, conversation, afterDepth, afterId, home: home ?? '' },
      }));
      return answer.conversation;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      if (home !== undefined) throw refusalBy(home, conversation, refusal);
      this.#deps.log.info({ err: error, conversation }, 'the home does not show a conversation');
      return undefined;
    }
  }

  /** Those that were not here and verify. */
  async #judge(
    connection: NodeConnection,
    open: OpenConversation,
    served: readonly ConversationPdu[],
    asked: Set<Address>,
  ): Promise<readonly ConversationItem[]> {
    const read = await Promise.all(served.map((one) => this.#readServed(open, one)));
    const items = read.filter((item) => item !== undefined);
    const signed: { item: ConversationItem; publicKey: Uint8Array }[] = [];
    for (const item of items) {
      const publicKey = await this.#signer(connection, item.pdu, asked);
      if (publicKey !== undefined) signed.push({ item, publicKey });
    }
    const verdicts = await this.#deps.signatures.check(
      signed.map(({ item: { pdu }, publicKey }) => ({
        signature: pdu.signature,
        message: signedBytesOf(pdu),
        publicKey,
      })),
    );
    const forged = signed.filter((_, i) => verdicts[i] !== true);
    for (const { item } of forged)
      await this.#raise(open.id, 'bad_signature', `PDU ${item.pdu.id} is not signed by the device it names`);
    return signed.filter((_, i) => verdicts[i] === true).map(({ item }) => item);
  }

  /** Undefined: here already, or no PDU of this conversation. */
  async #readServed(open: OpenConversation, served: ConversationPdu): Promise<ConversationItem | undefined> {
    const { suite } = this.#deps;
    const id = pduIdOf(suite, served.pdu);
    if (open.has(id)) return undefined;
    const pdu = this.#parse(served.pdu);
    if (pdu === undefined || pdu.conversation !== open.id || pdu.type === 'note') {
      await this.#raise(open.id, 'malformed_entry', `${id} is no PDU of it`);
      return undefined;
    }
    if (pdu.type === 'mail' || !served.hasBody) return itemOf(pdu, undefined);
    const { body } = served;
    if (body.length === pdu.body.size && suite.sha256Hex(body) === pdu.body.sha256) return itemOf(pdu, body);
    await this.#raise(open.id, 'wrong_body', `the body of PDU ${id} is not the one that its author signed`);
    return itemOf(pdu, undefined);
  }

  /** The key of the author's device. An author whose home is silent is no alarm: the PDU is as good as not here. */
  async #signer(connection: NodeConnection, pdu: Pdu, asked: Set<Address>): Promise<Uint8Array | undefined> {
    const { contacts } = this.#deps;
    let signer = signerOf(pdu, await contacts.find(pdu.author));
    let isJudged = typeof signer !== 'string';
    if (!isJudged && !asked.has(pdu.author) && asked.size < CONVERSATION_AUTHORS_ASKED_MAX) {
      asked.add(pdu.author);
      const { status } = await contacts.lookUp(connection, pdu.author);
      isJudged = status === 'known' || status === 'unknown';
      signer = signerOf(pdu, await contacts.find(pdu.author));
    }
    if (typeof signer !== 'string') return signer;
    if (isJudged)
      await this.#raise(pdu.conversation, 'unknown_device', `no device of ${pdu.author} signed PDU ${pdu.id}`);
    return undefined;
  }

  async #keep(open: OpenConversation, items: readonly ConversationItem[]): Promise<void> {
    if (items.length === 0) return;
    const placements = open.add(items);
    const kept = items.filter((_, i) => KEPT.has(placements[i]));
    await this.#deps.store.transact((transaction) => {
      for (const { pdu, body } of kept) keepPdu(transaction, pdu, body);
    });
  }

  #parse(header: Uint8Array): Pdu | undefined {
    try {
      return parsePdu(this.#deps.suite, header);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined; // whoever asks raises the alarm
      throw error;
    }
  }

  async #raise(conversation: ConversationId, code: AlarmCode, detail: string): Promise<void> {
    await this.#deps.alarms.raise({ code, subject: `conversation ${conversation}`, detail, node: undefined });
  }
}
