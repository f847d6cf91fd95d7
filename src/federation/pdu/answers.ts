/**
 * What this home tells others of the PDUs it holds. A home is told of a conversation while it has members there or anybody may
 * join, and of a PDU also when it was sent to its people; the body of a mail goes only to homes it was sent to.
 */
import {
  type Address,
  type ConversationId,
  encodeDocuments,
  encodePdus,
  type HomeName,
  homeOf,
  type Item,
  type PduId,
  parsePduId,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { Conversations } from './conversations.ts';
import { ANSWER_BYTES, ANSWER_PDUS_MAX, ANSWER_READ_PDUS, ASKED_PDUS_MAX } from './limits.ts';
import type { HeldPdu, LocalPeople, PduView, Place } from './pdu-view.ts';

export interface AnswersDeps {
  readonly view: PduView;
  readonly conversations: Conversations;
  readonly local: LocalPeople;
}

const NO_BODY = new Uint8Array(0);

export class Answers {
  readonly #deps: AnswersDeps;

  constructor(deps: AnswersDeps) {
    this.#deps = deps;
  }

  /** Those of `ids` that are here and for `origin`; others are left out, so that nobody learns what is here. */
  async pdus(origin: HomeName, ids: readonly PduId[]): Promise<Uint8Array> {
    const found: HeldPdu[] = [];
    let bytes = 0;
    for await (const one of this.#read(ids)) {
      if (!(await this.#mayHave(origin, one))) continue;
      found.push(one);
      bytes += bytesOf(one);
      if (bytes >= ANSWER_BYTES) break;
    }
    return answerOf(origin, found, false);
  }

  /** The conversation by depth and id, from the start or after the last one of the page before (`depth.id`). */
  async state(origin: HomeName, conversation: ConversationId, after: string | undefined): Promise<Uint8Array> {
    await this.#checkMember(origin, conversation);
    const page = await this.#deps.view.page(conversation, placeOf(after), ANSWER_PDUS_MAX);
    return answerOf(origin, page, page.length === ANSWER_PDUS_MAX);
  }

  /** These and what they follow, deepest first. */
  async backfill(
    origin: HomeName,
    conversation: ConversationId,
    from: readonly PduId[],
    limit: number,
  ): Promise<Uint8Array> {
    await this.#checkMember(origin, conversation);
    const most = Math.max(1, Math.min(limit, ANSWER_PDUS_MAX));
    const asked = new Set(from.slice(0, ASKED_PDUS_MAX));
    const found: HeldPdu[] = [];
    let bytes = 0;
    let next: readonly PduId[] = [...asked];
    while (next.length > 0 && found.length < most && bytes < ANSWER_BYTES) {
      const parents = new Set<PduId>();
      for await (const one of this.#read(next)) {
        if (one.pdu.conversation !== conversation) continue;
        found.push(one);
        bytes += bytesOf(one);
        for (const id of one.pdu.prev) if (!asked.has(id)) parents.add(id);
        if (found.length >= most || bytes >= ANSWER_BYTES) break;
      }
      for (const id of parents) asked.add(id);
      next = [...parents].slice(0, most);
    }
    found.sort((a, b) => b.pdu.depth - a.pdu.depth || (a.pdu.id < b.pdu.id ? -1 : 1));
    return answerOf(origin, found, next.length > 0);
  }

  async account(address: Address, after: number): Promise<Uint8Array> {
    return encodeDocuments({ documents: [...(await this.#deps.local.documents(address, after))] });
  }

  /** A few at a time, since each may come with a body: what is asked for costs the memory of an answer, not of the question. */
  async *#read(ids: readonly PduId[]): AsyncGenerator<HeldPdu> {
    for (let from = 0; from < ids.length; from += ANSWER_READ_PDUS)
      yield* await this.#deps.view.get(ids.slice(from, from + ANSWER_READ_PDUS));
  }

  async #checkMember(origin: HomeName, conversation: ConversationId): Promise<void> {
    const { conversations } = this.#deps;
    const homes = await conversations.memberHomes(conversation);
    if (homes.has(origin) || (await conversations.isOpen(conversation))) return;
    // One answer for a conversation that is not here and one that is not theirs.
    throw new FederationError('forbidden', `${origin} has no members in the conversation ${conversation}`);
  }

  async #mayHave(origin: HomeName, { pdu }: HeldPdu): Promise<boolean> {
    if (pdu.recipients.some((recipient) => homeOf(recipient) === origin)) return true;
    return (await this.#deps.conversations.memberHomes(pdu.conversation)).has(origin);
  }
}

function bytesOf({ pdu, body }: HeldPdu): number {
  return pdu.header.length + (body?.length ?? 0);
}

function answerOf(origin: HomeName, held: readonly HeldPdu[], more: boolean): Uint8Array {
  const pdus: Item[] = [];
  let bytes = 0;
  for (const { pdu, body } of held) {
    const isTheirs = pdu.type !== 'mail' || pdu.recipients.some((recipient) => homeOf(recipient) === origin);
    const given = isTheirs ? body : undefined;
    bytes += pdu.header.length + (given?.length ?? 0);
    if (pdus.length > 0 && bytes > ANSWER_BYTES) return encodePdus({ pdus, more: true });
    pdus.push({ pdu: pdu.header, body: given ?? NO_BODY, hasBody: given !== undefined, isOwed: false });
  }
  return encodePdus({ pdus, more });
}

export function placeText({ depth, id }: Place): string {
  return `${depth}.${id}`;
}

/** Throws FederationError `malformed`. */
function placeOf(after: string | undefined): Place | undefined {
  if (after === undefined) return undefined;
  const match = /^([1-9][0-9]{0,15})\.([0-9a-f]{64})$/.exec(after);
  if (match === null) throw new FederationError('malformed', 'a place in a conversation is `depth.id`');
  return { depth: Number(match[1]), id: parsePduId(match[2] as string) };
}
