/**
 * Which conversations lack PDUs that others follow. Noted in the store transaction that brings the follower, so that no
 * crash forgets one, and taken away when nothing lacks. When to look again doubles with each failure; it is not kept, so a
 * restart looks at once.
 */
import { type Clock, toHex } from '../../base/index.ts';
import { type ConversationId, type HomeName, type Pdu, type PduId, parseConversationId } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { HOLES, holeKey } from '../row-keys.ts';
import { ASKED_PDUS_MAX, FETCH_RETRY_MAX_MS, FETCH_RETRY_MS, HOLES_MAX } from './limits.ts';
import type { PduView } from './pdu-view.ts';

export interface Hole {
  readonly conversation: ConversationId;
  /** PDUs that another home says it holds, beyond what our own PDUs name. */
  readonly hinted: ReadonlySet<PduId>;
  /** Who said so: asked first. */
  readonly by: HomeName | undefined;
}

interface Kept {
  hinted: Set<PduId>;
  by: HomeName | undefined;
  failures: number;
  dueAt: number;
}

export interface HolesDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly view: PduView;
}

const EMPTY = new Uint8Array(0);

export class Holes {
  readonly #deps: HolesDeps;
  readonly #kept = new Map<ConversationId, Kept>();
  #wake: () => void = () => undefined;

  private constructor(deps: HolesDeps) {
    this.#deps = deps;
  }

  static async open(deps: HolesDeps): Promise<Holes> {
    const holes = new Holes(deps);
    const rows = await deps.store.range({ ...HOLES, limit: HOLES_MAX });
    for (const { key } of rows) holes.#keep(parseConversationId(toHex(key.subarray(2))));
    return holes;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Notes what these PDUs follow and `rows` does not hold; looked after once that is on disk. */
  async note(rows: StoreTransaction, pdus: readonly Pdu[]): Promise<void> {
    const here = new Set(pdus.map(({ id }) => id));
    const following = pdus.filter(({ prev }) => prev.some((id) => !here.has(id)));
    if (following.length === 0) return;
    const ids = [...new Set(following.flatMap(({ prev }) => prev))].filter((id) => !here.has(id));
    const held = await this.#deps.view.areHeld(rows, ids);
    const lacking = new Set(ids.filter((_, i) => held[i] !== true));
    for (const { conversation, prev } of following) {
      if (!prev.some((id) => lacking.has(id))) continue;
      if (this.#kept.size >= HOLES_MAX && !this.#kept.has(conversation)) continue;
      rows.put(holeKey(conversation), EMPTY);
      rows.onCommit(() => this.#keep(conversation));
    }
  }

  /** Another home holds these, and we do not. Forgotten by a restart, as hints are. */
  hint(conversation: ConversationId, ids: readonly PduId[], by: HomeName): void {
    if (this.#kept.size >= HOLES_MAX && !this.#kept.has(conversation)) return;
    const kept = this.#keep(conversation);
    for (const id of ids) if (kept.hinted.size < ASKED_PDUS_MAX) kept.hinted.add(id);
    kept.by = by;
  }

  /** What is due, at most `limit`. */
  due(limit: number): readonly Hole[] {
    const now = this.#deps.clock.monotonic();
    const due: Hole[] = [];
    for (const [conversation, { hinted, by, dueAt }] of this.#kept) {
      if (due.length >= limit) break;
      if (dueAt <= now) due.push({ conversation, hinted: new Set(hinted), by });
    }
    return due;
  }

  /** Milliseconds until something is due; undefined when nothing lacks. */
  get waitMs(): number | undefined {
    let next: number | undefined;
    for (const { dueAt } of this.#kept.values()) next = Math.min(next ?? dueAt, dueAt);
    return next === undefined ? undefined : Math.max(0, next - this.#deps.clock.monotonic());
  }

  /** Nothing of what `hole` named lacks any more. */
  async filled(hole: Hole): Promise<void> {
    const kept = this.#kept.get(hole.conversation);
    // Something else may have been found lacking meanwhile.
    if (kept === undefined || [...kept.hinted].some((id) => !hole.hinted.has(id))) return;
    await this.#deps.store.transact((transaction) => transaction.delete(holeKey(hole.conversation)));
    this.#kept.delete(hole.conversation);
  }

  /** Nobody had it: it waits. */
  putOff(conversation: ConversationId): void {
    const kept = this.#kept.get(conversation);
    if (kept === undefined) return;
    const waitMs = Math.min(FETCH_RETRY_MAX_MS, FETCH_RETRY_MS * 2 ** kept.failures);
    kept.failures += 1;
    kept.dueAt = this.#deps.clock.monotonic() + waitMs;
  }

  /** A home is there again: whatever waits is due. */
  hurry(): void {
    const now = this.#deps.clock.monotonic();
    for (const kept of this.#kept.values()) kept.dueAt = Math.min(kept.dueAt, now);
    this.#wake();
  }

  /** Resolves when something new lacks, or when `hurry` is called. */
  whenChanged(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #keep(conversation: ConversationId): Kept {
    let kept = this.#kept.get(conversation);
    if (kept === undefined) {
      kept = { hinted: new Set(), by: undefined, failures: 0, dueAt: 0 };
      this.#kept.set(conversation, kept);
    }
    // What is new may have an answer that what is old has not.
    kept.dueAt = Math.min(kept.dueAt, this.#deps.clock.monotonic());
    this.#wake();
    return kept;
  }
}
