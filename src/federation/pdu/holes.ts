/**
 * Which conversations lack PDUs: what our own PDUs follow, noted in the store transaction that brings the follower, and what
 * other homes say they hold, noted before they are answered. So no crash forgets one; it is taken away when nothing lacks.
 * When to look again doubles with each failure; that is not kept, so a restart looks at once.
 */
import { type Clock, fromUtf8, toHex, utf8 } from '../../base/index.ts';
import {
  type ConversationId,
  type HomeName,
  type Pdu,
  type PduId,
  parseConversationId,
  parseHomeName,
  parsePduId,
} from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { HOLES, holeKey } from '../row-keys.ts';
import { FETCH_RETRY_MAX_MS, FETCH_RETRY_MS, HINTING_HOMES_MAX, HOLES_MAX } from './limits.ts';
import type { PduView } from './pdu-view.ts';

export interface Hole {
  readonly conversation: ConversationId;
  /** Another one with each note: one that is noted again while it is filled stays. */
  readonly mark: number;
  /** PDUs that other homes say they hold, beyond what our own PDUs name: what each said last. */
  readonly hinted: ReadonlyMap<HomeName, readonly PduId[]>;
}

interface Kept {
  hole: Hole;
  failures: number;
  dueAt: number;
}

export interface HolesDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly view: PduView;
}

export class Holes {
  readonly #deps: HolesDeps;
  readonly #kept = new Map<ConversationId, Kept>();
  #mark = 0;
  #wake: () => void = () => undefined;

  private constructor(deps: HolesDeps) {
    this.#deps = deps;
  }

  static async open(deps: HolesDeps): Promise<Holes> {
    const holes = new Holes(deps);
    const rows = await deps.store.range({ ...HOLES, limit: HOLES_MAX });
    for (const { key, value } of rows) {
      const hole = decode(parseConversationId(toHex(key.subarray(2))), value);
      holes.#mark = Math.max(holes.#mark, hole.mark);
      holes.#keep(hole);
    }
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
      await this.#note(rows, conversation, new Map());
    }
  }

  /** As `note`, of one that is on disk. */
  noteHeld(pdu: Pdu): Promise<void> {
    return this.#deps.store.transact((rows) => this.note(rows, [pdu]));
  }

  /** Another home holds these, and we do not; what it said before is outdated. Resolves when that is on disk. */
  hint(conversation: ConversationId, ids: readonly PduId[], by: HomeName): Promise<void> {
    return this.#deps.store.transact((rows) => this.#note(rows, conversation, new Map([[by, ids]])));
  }

  /** What is due, at most `limit`: first what has been for longest, so that what cannot be filled keeps nothing else back. */
  due(limit: number): readonly Hole[] {
    const now = this.#deps.clock.monotonic();
    const due: Kept[] = [];
    for (const kept of this.#kept.values()) {
      if (kept.dueAt > now) continue;
      const later = due.findIndex(({ dueAt }) => dueAt > kept.dueAt);
      due.splice(later === -1 ? due.length : later, 0, kept);
      if (due.length > limit) due.pop();
    }
    return due.map(({ hole }) => hole);
  }

  /** Milliseconds until something is due that is not under way; undefined when nothing else lacks. */
  waitMs(underWay: Pick<ReadonlySet<ConversationId>, 'has'>): number | undefined {
    let next: number | undefined;
    for (const [conversation, { dueAt }] of this.#kept)
      if (!underWay.has(conversation)) next = Math.min(next ?? dueAt, dueAt);
    return next === undefined ? undefined : Math.max(0, next - this.#deps.clock.monotonic());
  }

  /** Nothing of what `hole` named lacks any more; what was noted since stays. */
  async filled({ conversation, mark }: Hole): Promise<void> {
    await this.#deps.store.transact(async (rows) => {
      const row = await rows.get(holeKey(conversation));
      if (row === undefined || decode(conversation, row).mark !== mark) return;
      rows.delete(holeKey(conversation));
      rows.onCommit(() => {
        if (this.#kept.get(conversation)?.hole.mark === mark) this.#kept.delete(conversation);
      });
    });
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

  async #note(
    rows: StoreTransaction,
    conversation: ConversationId,
    hinted: ReadonlyMap<HomeName, readonly PduId[]>,
  ): Promise<void> {
    if (this.#kept.size >= HOLES_MAX && !this.#kept.has(conversation)) return;
    const row = await rows.get(holeKey(conversation));
    const before = row === undefined ? NOTHING : decode(conversation, row).hinted;
    // The last to speak are kept.
    const all = [...[...before].filter(([home]) => !hinted.has(home)), ...hinted].slice(-HINTING_HOMES_MAX);
    this.#mark += 1;
    const hole = { conversation, mark: this.#mark, hinted: new Map(all) };
    rows.put(holeKey(conversation), encode(hole));
    rows.onCommit(() => this.#keep(hole));
  }

  #keep(hole: Hole): void {
    const kept = this.#kept.get(hole.conversation);
    const now = this.#deps.clock.monotonic();
    // What is new may have an answer that what is old has not.
    if (kept === undefined) this.#kept.set(hole.conversation, { hole, failures: 0, dueAt: now });
    else Object.assign(kept, { hole, dueAt: Math.min(kept.dueAt, now) });
    this.#wake();
  }
}

const NOTHING: Hole['hinted'] = new Map();

function encode({ mark, hinted }: Hole): Uint8Array {
  return utf8(JSON.stringify({ mark, hinted: Object.fromEntries(hinted) }));
}

function decode(conversation: ConversationId, value: Uint8Array): Hole {
  const row = JSON.parse(fromUtf8(value)) as { readonly mark: number; readonly hinted: Record<string, string[]> };
  const hinted = Object.entries(row.hinted).map(([home, ids]) => [parseHomeName(home), ids.map(parsePduId)] as const);
  return { conversation, mark: row.mark, hinted: new Map(hinted) };
}
