/**
 * The PDUs of one conversation as a graph: who is admitted, who waits for whom, what is missing. A function of the set that
 * was added, whatever its order, while nothing overflows. A PDU is admitted after all that it follows, so the place of an
 * admitted one, counted from 0, is greater than those of its ancestors.
 */
import type { PduId } from '../protocol/index.ts';
import { CONVERSATION_PDUS_MAX, REFUSED_IDS_MAX, WAITING_PDUS_MAX } from './limits.ts';

/** What is kept of a PDU that waits. */
export interface Candidate {
  readonly id: PduId;
  readonly depth: number;
  readonly prev: readonly PduId[];
  /** Has the nonce that the conversation is made of. */
  readonly founds: boolean;
}

export type Refusal =
  | 'no_founder' // follows nothing, and does not found the conversation
  | 'bad_depth' // not 1 + the deepest that it follows
  | 'bad_parent' // follows one that is refused
  | 'foreign' // of another conversation, or of no conversation
  | 'full'; // more than limits.ts allows; later, perhaps

interface Waiting<Item extends Candidate> {
  readonly item: Item;
  unmet: number;
}

/** What the graph asks of whoever keeps the admitted ones. */
export interface Admission<Item extends Candidate> {
  depthOf(place: number): number;
  admit(item: Item, parents: readonly number[]): void;
}

export class PduGraph<Item extends Candidate> {
  readonly #admission: Admission<Item>;
  readonly #places = new Map<PduId, number>();
  readonly #tips = new Set<PduId>();
  readonly #waiting = new Map<PduId, Waiting<Item>>();
  /** By the id that they wait for, which is missing or waits itself. */
  readonly #followers = new Map<PduId, Set<PduId>>();
  readonly #refused = new Map<PduId, Refusal>();

  constructor(admission: Admission<Item>) {
    this.#admission = admission;
  }

  get size(): number {
    return this.#places.size;
  }

  /** The admitted ones that no admitted one follows. */
  get tips(): readonly PduId[] {
    return [...this.#tips].sort();
  }

  get waiting(): readonly PduId[] {
    return [...this.#waiting.keys()].sort();
  }

  /** The ids that waiting ones follow and that are not here. */
  get missing(): readonly PduId[] {
    return [...this.#followers.keys()].filter((id) => !this.#waiting.has(id)).sort();
  }

  placeOf(id: PduId): number | undefined {
    return this.#places.get(id);
  }

  isWaiting(id: PduId): boolean {
    return this.#waiting.has(id);
  }

  refusalOf(id: PduId): Refusal | undefined {
    return this.#refused.get(id);
  }

  /** Whether these are all the tips, so that who follows them follows everything. */
  coversTips(prev: readonly PduId[]): boolean {
    return this.#tips.size <= prev.length && prev.filter((id) => this.#tips.has(id)).length === this.#tips.size;
  }

  /** Adds one that is not here yet. */
  add(item: Item): Refusal | undefined {
    if (item.prev.length === 0 && !item.founds) return this.#refuse(item.id, 'no_founder');
    if (item.prev.some((id) => this.#refused.has(id))) return this.#refuse(item.id, 'bad_parent');
    if (this.#places.size + this.#waiting.size >= CONVERSATION_PDUS_MAX) return 'full';
    const unmet = item.prev.filter((id) => !this.#places.has(id));
    if (unmet.length === 0) return this.#place(item);
    if (this.#waiting.size >= WAITING_PDUS_MAX) return 'full';
    this.#waiting.set(item.id, { item, unmet: unmet.length });
    for (const id of unmet) {
      const followers = this.#followers.get(id);
      if (followers === undefined) this.#followers.set(id, new Set([item.id]));
      else followers.add(item.id);
    }
    return undefined;
  }

  /** What all parents of are here: admitted, and then those that waited for it only. Iterates, for chains are long. */
  #place(first: Item): Refusal | undefined {
    const ready = [first];
    for (let item = ready.pop(); item !== undefined; item = ready.pop()) {
      const parents = item.prev.map((id) => this.#places.get(id) as number);
      let deepest = 0;
      for (const parent of parents) deepest = Math.max(deepest, this.#admission.depthOf(parent));
      if (item.depth !== deepest + 1) {
        this.#refuse(item.id, 'bad_depth');
        continue;
      }
      this.#places.set(item.id, this.#places.size);
      for (const id of item.prev) this.#tips.delete(id);
      this.#tips.add(item.id);
      this.#admission.admit(item, parents);
      for (const follower of this.#leave(item.id)) {
        const waiting = this.#waiting.get(follower) as Waiting<Item>;
        waiting.unmet -= 1;
        if (waiting.unmet > 0) continue;
        this.#waiting.delete(follower);
        ready.push(waiting.item);
      }
    }
    return this.#refused.get(first.id);
  }

  /** Refuses it and whatever waits for it. */
  #refuse(first: PduId, why: Refusal): Refusal {
    const refused: [PduId, Refusal][] = [[first, why]];
    for (let next = refused.pop(); next !== undefined; next = refused.pop()) {
      this.#refused.set(...next);
      for (const follower of this.#leave(next[0])) {
        this.#forget(follower);
        refused.push([follower, 'bad_parent']);
      }
    }
    for (const id of this.#refused.keys()) {
      if (this.#refused.size <= REFUSED_IDS_MAX) break;
      this.#refused.delete(id);
    }
    return why;
  }

  #leave(id: PduId): Iterable<PduId> {
    const followers = this.#followers.get(id) ?? [];
    this.#followers.delete(id);
    return followers;
  }

  #forget(id: PduId): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const prev of waiting?.item.prev ?? []) {
      const followers = this.#followers.get(prev);
      followers?.delete(id);
      if (followers?.size === 0) this.#followers.delete(prev);
    }
  }
}
