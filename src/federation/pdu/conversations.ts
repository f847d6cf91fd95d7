/**
 * Conversations as the fold of what this home holds. A fold is made when it is first asked for, follows what is committed,
 * and is forgotten when others are asked for more often.
 */
import { createBoundedCache } from '../../base/index.ts';
import { ConversationFold, type Role } from '../../conversation/index.ts';
import { type ConversationId, type HomeName, homeOf, type Pdu } from '../../protocol/index.ts';
import { CONVERSATION_PAGE, CONVERSATIONS_CACHED_MAX } from './limits.ts';
import type { PduView, Place } from './pdu-view.ts';

/** `unknown`: something it follows is not here. */
export type Allowance = 'allowed' | 'forbidden' | 'unknown';

export interface ConversationsDeps {
  readonly view: PduView;
}

export class Conversations {
  readonly #deps: ConversationsDeps;
  readonly #folds = createBoundedCache<ConversationId, Promise<ConversationFold>>(CONVERSATIONS_CACHED_MAX);

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
  }

  /** The fold of all that is on disk; one that holds nothing when the conversation is not known here. */
  get(conversation: ConversationId): Promise<ConversationFold> {
    let fold = this.#folds.get(conversation);
    if (fold === undefined) {
      fold = this.#load(conversation);
      this.#folds.set(conversation, fold);
      // A load that failed is tried again by who asks next.
      fold.catch(() => this.#folds.delete(conversation));
    }
    return fold;
  }

  /** Whether the author may say this, by what the PDU follows. */
  async allows(pdu: Pdu, body: Uint8Array | undefined): Promise<Allowance> {
    const verdict = (await this.get(pdu.conversation)).allows({ pdu, body });
    if (verdict === 'waiting') return 'unknown';
    return verdict === 'allowed' ? 'allowed' : 'forbidden';
  }

  /** These are on disk now. */
  committed(pdus: readonly Pdu[]): void {
    for (const conversation of new Set(pdus.map((pdu) => pdu.conversation))) {
      const fold = this.#folds.peek(conversation);
      if (fold === undefined) continue;
      const said = pdus.filter((pdu) => pdu.conversation === conversation);
      const followed = fold.then(async (known) => {
        const held = await this.#deps.view.get(said.map(({ id }) => id));
        known.add(held);
        return known;
      });
      followed.catch(() => this.#folds.delete(conversation));
      this.#folds.set(conversation, followed);
    }
  }

  /** The homes whose people speak in it or read it now, or are invited. */
  async memberHomes(conversation: ConversationId): Promise<ReadonlySet<HomeName>> {
    return homesOf(await this.get(conversation));
  }

  /** Whether anybody may join, and so may look. */
  async isOpen(conversation: ConversationId): Promise<boolean> {
    const { join = 'invite' } = (await this.get(conversation)).state.settings;
    return join !== 'invite';
  }

  async #load(conversation: ConversationId): Promise<ConversationFold> {
    const fold = new ConversationFold(conversation);
    let after: Place | undefined;
    for (;;) {
      const page = await this.#deps.view.page(conversation, after, CONVERSATION_PAGE);
      fold.add(page);
      const last = page.at(-1);
      if (last === undefined || page.length < CONVERSATION_PAGE) return fold;
      after = { depth: last.pdu.depth, id: last.pdu.id };
    }
  }
}

/** Who hears of a conversation. */
const HEARING: ReadonlySet<Role> = new Set<Role>(['owner', 'member', 'reader', 'invited']);

export function homesOf(fold: ConversationFold): ReadonlySet<HomeName> {
  const homes = new Set<HomeName>();
  for (const [address, { role }] of fold.state.members) if (HEARING.has(role)) homes.add(homeOf(address));
  return homes;
}
