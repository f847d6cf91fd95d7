/**
 * Head hints: "these are the PDUs of the conversation that no other follows here". A conversation in a straight line needs
 * none, since each PDU names the one before. Where acts crossed, where somebody came or went, and where a PDU was written by
 * one who did not know of a member yet, the homes compare; two that agree stop talking.
 */
import { createBoundedCache, type Log } from '../../base/index.ts';
import {
  type ConversationId,
  type Edu,
  type HeadHint,
  type HomeName,
  homeOf,
  type Pdu,
  type PduId,
  PREVIOUS_PDUS_MAX,
  ProtocolError,
  parseConversationId,
  parsePduId,
} from '../../protocol/index.ts';
import type { HintPort } from '../ports.ts';
import { type Conversations, homesOf } from './conversations.ts';
import type { Holes } from './holes.ts';
import { HINTS_REMEMBERED_MAX } from './limits.ts';

export interface HintsDeps {
  readonly log: Log;
  readonly conversations: Conversations;
  readonly holes: Holes;
  /** Has the destination told, soon and at least once. */
  readonly owe: (destination: HomeName, conversation: ConversationId) => Promise<void>;
}

export class Hints implements HintPort {
  readonly #deps: HintsDeps;
  readonly #home: HomeName;
  /** What each home was last told of a conversation. */
  readonly #told = createBoundedCache<string, string>(HINTS_REMEMBERED_MAX);

  constructor(deps: HintsDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  async make(destination: HomeName, conversation: ConversationId): Promise<Edu | undefined> {
    const fold = await this.#deps.conversations.get(conversation);
    if (!homesOf(fold).has(destination)) return undefined;
    const tips = fold.tips.slice(0, PREVIOUS_PDUS_MAX);
    this.#told.set(nameOf(destination, conversation), tips.join());
    return { edu: { oneofKind: 'headHint', headHint: { conversation, tips } } };
  }

  async hear(origin: HomeName, edus: readonly Edu[]): Promise<void> {
    for (const { edu } of edus) if (edu.oneofKind === 'headHint') await this.#compare(origin, edu.headHint);
  }

  /** These are on disk now: who has to hear of it does. */
  async committed(pdus: readonly Pdu[]): Promise<void> {
    for (const pdu of pdus) {
      // A first mail goes to all it concerns.
      if (pdu.prev.length === 0) continue;
      const fold = await this.#deps.conversations.get(pdu.conversation);
      // Somebody of ours who joins what is elsewhere speaks first, and what that follows is to be fetched.
      if (homeOf(pdu.author) === this.#home && fold.missing.length > 0) await this.#deps.holes.noteHeld(pdu);
      const homes = homesOf(fold);
      const told = new Set(pdu.recipients.map(homeOf));
      const isStraight = fold.tips.length <= 1 && pdu.type === 'mail' && [...homes].every((home) => told.has(home));
      if (isStraight) continue;
      await this.#oweAll(homes, pdu.conversation, fold.tips);
    }
  }

  /** What lacked is here: only now is it known whom to compare with, and what they said before may not have been heard. */
  async filled(conversation: ConversationId): Promise<void> {
    const fold = await this.#deps.conversations.get(conversation);
    await this.#oweAll(homesOf(fold), conversation, fold.tips);
  }

  async #compare(origin: HomeName, hint: HeadHint): Promise<void> {
    let conversation: ConversationId;
    let theirs: readonly PduId[];
    try {
      conversation = parseConversationId(hint.conversation);
      theirs = hint.tips.slice(0, PREVIOUS_PDUS_MAX).map(parsePduId);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#deps.log.info({ origin }, 'a head hint that cannot be read');
      return;
    }
    const fold = await this.#deps.conversations.get(conversation);
    // Who is in it is not known while something lacks here: then whoever speaks of what we hold some of is heard.
    if (!homesOf(fold).has(origin) && fold.missing.length === 0) return;
    const lacking = theirs.filter((id) => !fold.has(id));
    if (lacking.length > 0) await this.#deps.holes.hint(conversation, lacking, origin);
    if (!homesOf(fold).has(origin) || fold.tips.every((id) => theirs.includes(id))) return;
    // Who knows less than it was told did not hear it, or not understand it yet. Who knows other things is told once: two
    // that cannot have what the other has would go on for ever.
    if (lacking.length === 0) this.#told.delete(nameOf(origin, conversation));
    await this.#oweAll(new Set([origin]), conversation, fold.tips);
  }

  async #oweAll(homes: ReadonlySet<HomeName>, conversation: ConversationId, tips: readonly PduId[]): Promise<void> {
    const said = tips.slice(0, PREVIOUS_PDUS_MAX).join();
    for (const home of homes) {
      if (home === this.#home || this.#told.get(nameOf(home, conversation)) === said) continue;
      await this.#deps.owe(home, conversation);
    }
  }
}

function nameOf(home: HomeName, conversation: ConversationId): string {
  return `${home} ${conversation}`;
}
