/**
 * Head hints: "these are the PDUs of the conversation that no other follows here". A conversation in a straight line needs
 * none, since each PDU names the one before. Where acts crossed, where somebody came or went, and where a PDU was written by
 * one who did not know of a member yet, the homes compare; two that agree stop talking.
 */
import { LRUCache } from 'lru-cache';
import { BoundedQueue, type Log } from '../../base/index.ts';
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

interface Heard {
  readonly origin: HomeName;
  readonly hint: HeadHint;
}

const HEARD_MAX = 10_000;

export class Hints implements HintPort {
  readonly #deps: HintsDeps;
  readonly #home: HomeName;
  readonly #heard = new BoundedQueue<Heard>(HEARD_MAX);
  /** What each home was last told of a conversation. */
  readonly #told = new LRUCache<string, string>({ max: HINTS_REMEMBERED_MAX });

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

  /** A hint that finds no room is lost, as any EDU may be: the next one says the same. */
  hear(origin: HomeName, edus: readonly Edu[]): void {
    for (const { edu } of edus) if (edu.oneofKind === 'headHint') this.#heard.push({ origin, hint: edu.headHint });
  }

  /** These are on disk now: who has to hear of it does. */
  async committed(pdus: readonly Pdu[]): Promise<void> {
    for (const pdu of pdus) {
      // A first mail goes to all it concerns.
      if (pdu.prev.length === 0) continue;
      const fold = await this.#deps.conversations.get(pdu.conversation);
      const homes = homesOf(fold);
      const told = new Set(pdu.recipients.map(homeOf));
      const isStraight = fold.tips.length <= 1 && pdu.type === 'mail' && [...homes].every((home) => told.has(home));
      if (isStraight) continue;
      await this.#oweAll(homes, pdu.conversation, fold.tips);
    }
  }

  /** Looks after what was heard, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#heard.close();
    signal.addEventListener('abort', stop, { once: true });
    for await (const { origin, hint } of this.#heard) await this.#compare(origin, hint);
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
    if (!homesOf(fold).has(origin)) return;
    const lacking = theirs.filter((id) => !fold.has(id));
    if (lacking.length > 0) this.#deps.holes.hint(conversation, lacking, origin);
    const known = new Set(theirs);
    if (fold.tips.some((id) => !known.has(id))) await this.#oweAll(new Set([origin]), conversation, fold.tips);
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
