/** A conversation as this device has verified it: who is in it, what comes next in it, and what of it is not here. */
import { ConversationFold, type JoinRule, type Placement, parseChange, type Role } from '../../conversation/index.ts';
import {
  type Address,
  type ConversationId,
  type PduId,
  PREVIOUS_PDUS_MAX,
  ProtocolError,
} from '../../protocol/index.ts';
import type { ConversationItem } from './conversation-row.ts';

/** Where in a conversation the next PDU stands. */
export interface ConversationEnd {
  readonly prev: readonly PduId[];
  readonly depth: number;
}

/** A change of members or settings, as a person reads it. */
export interface ConversationEvent {
  readonly id: PduId;
  readonly author: Address;
  /** Milliseconds since 1970, by its author's device. */
  readonly at: number;
  readonly change:
    | { readonly type: 'member'; readonly about: Address; readonly role: Role }
    | { readonly type: 'state'; readonly name: 'join'; readonly value: JoinRule };
  /** False: its author had no right to it. */
  readonly counts: boolean;
}

export class OpenConversation {
  readonly id: ConversationId;
  readonly #fold: ConversationFold;
  readonly #items = new Map<PduId, ConversationItem>();

  constructor(id: ConversationId, items: readonly ConversationItem[] = []) {
    this.id = id;
    this.#fold = new ConversationFold(id);
    this.add(items);
  }

  add(items: readonly ConversationItem[]): readonly Placement[] {
    for (const item of items) this.#items.set(item.pdu.id, item);
    return this.#fold.add(items);
  }

  get size(): number {
    return this.#fold.size;
  }

  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  /** Whether there is nothing more to learn of this PDU. */
  has(id: PduId): boolean {
    const item = this.#items.get(id);
    return item !== undefined && (item.pdu.type === 'mail' || item.body !== undefined);
  }

  roleOf(address: Address): Role | undefined {
    return this.#fold.state.members.get(address)?.role;
  }

  /** Who made somebody what they are. */
  whoSaid(address: Address): Address | undefined {
    const member = this.#fold.state.members.get(address);
    return member === undefined ? undefined : this.#items.get(member.by)?.pdu.author;
  }

  /** Everybody who ever was somebody, in the order of their addresses. */
  get roles(): readonly { readonly address: Address; readonly role: Role }[] {
    return [...this.#fold.state.members].map(([address, { role }]) => ({ address, role }));
  }

  /** Owners, members and readers: who gets what is written. */
  get present(): readonly Address[] {
    return this.roles.filter(({ address }) => this.#fold.isMember(address)).map(({ address }) => address);
  }

  isPresent(address: Address): boolean {
    return this.#fold.isMember(address);
  }

  get joinRule(): JoinRule {
    return this.#fold.state.settings.join ?? 'invite';
  }

  /** What the next PDU follows: of very many ends the deepest. */
  get end(): ConversationEnd {
    const depthOf = (id: PduId): number => this.#items.get(id)?.pdu.depth ?? 0;
    const prev = [...this.#fold.tips].sort((a, b) => depthOf(b) - depthOf(a)).slice(0, PREVIOUS_PDUS_MAX);
    return { prev, depth: 1 + prev.reduce((deepest, id) => Math.max(deepest, depthOf(id)), 0) };
  }

  /** The least depth among the ends: what is new stands there or deeper, unless it was written beside all we know. */
  get shallowestEnd(): number {
    return Math.min(...this.#fold.tips.map((id) => this.#items.get(id)?.pdu.depth ?? 0));
  }

  /** PDUs that others follow, and changes without their bodies. */
  get missing(): readonly PduId[] {
    return this.#fold.missing;
  }

  /**
   * What is missing and was followed by somebody who is in the conversation. What strangers and removed people refer to
   * counts for nothing, or they could stop everybody with an invented id.
   */
  get lacking(): readonly PduId[] {
    const missing = new Set(this.#fold.missing);
    if (missing.size === 0) return [];
    const isTheirs = (id: PduId): boolean => {
      const item = this.#items.get(id);
      return item !== undefined && this.#fold.isMember(item.pdu.author);
    };
    const waiting = new Set(this.#fold.waiting);
    const lacking = new Set([...missing].filter(isTheirs));
    const open = [...waiting].filter(isTheirs);
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (!waiting.delete(id)) continue;
      for (const prev of this.#items.get(id)?.pdu.prev ?? [])
        if (missing.has(prev)) lacking.add(prev);
        else if (waiting.has(prev)) open.push(prev);
    }
    return [...lacking].sort();
  }

  /** Whether its author had a right to it. False also for what is not here. */
  counts(id: PduId): boolean {
    return this.#fold.counts(id);
  }

  allows(item: ConversationItem): ReturnType<ConversationFold['allows']> {
    return this.#fold.allows(item);
  }

  /** The changes that are here, oldest first. */
  get events(): readonly ConversationEvent[] {
    return this.#fold.order.flatMap((id) => {
      const item = this.#items.get(id);
      return item === undefined ? [] : eventOf(item, this.#fold.counts(id));
    });
  }
}

function eventOf({ pdu, body }: ConversationItem, counts: boolean): ConversationEvent[] {
  if (pdu.type === 'mail' || body === undefined) return [];
  try {
    return [{ id: pdu.id, author: pdu.author, at: pdu.time, change: parseChange(pdu, body), counts }];
  } catch (error) {
    // Whoever signed this said nothing: it has its place in the conversation, and no effect.
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}
