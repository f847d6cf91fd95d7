/**
 * Changes that a person makes on this device, for all of their devices: applied here at once, kept durably, and sent as
 * notes, many in one. When notes have become many, a snapshot repeats every register with the stamps it has and names the
 * notes that it makes superfluous.
 */
import { readUint64, toHex } from '../../base/index.ts';
import { type DeviceId, type FeedId, type PduId, parseFeedId } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { NOTES, PENDING_CHANGES, pendingChangeKey, REGISTERS } from '../keys.ts';
import {
  NOTE_OPERATIONS_MAX,
  NOTES_BEFORE_SNAPSHOT,
  SCAN_ROWS,
  SNAPSHOTS_BEFORE_SNAPSHOT,
  SUPERSEDED_RANGES_MAX,
} from '../limits.ts';
import { type MailIndex, messageSubject } from '../mail/mail-index.ts';
import { runsOf } from '../mail/number-set.ts';
import type { Sealer } from '../mail/sealer.ts';
import type { Summary } from '../mail/summary.ts';
import { encodeNoteBody, type NotePlace } from './note-body.ts';
import type { Operation, RegisterValue } from './registers.ts';

export interface NotesDeps {
  readonly store: Store;
  readonly index: MailIndex;
  readonly sealer: Sealer;
  /** Encrypts a note to the person's own devices and keeps it in the outbox, within the transaction of `alongside`. */
  readonly send: (body: Uint8Array, alongside: (transaction: StoreTransaction) => void) => Promise<PduId>;
}

/** One change before it has its stamp. */
export interface Change {
  readonly subject: string;
  readonly key: string;
  readonly value: RegisterValue;
}

export class Notes {
  readonly #deps: NotesDeps;
  readonly #device: DeviceId;
  /** As the registers were counted last: counting reads them all, and is done when this is reached only. */
  #notesBeforeSnapshot: number = NOTES_BEFORE_SNAPSHOT;

  constructor(deps: NotesDeps, options: { readonly device: DeviceId }) {
    this.#deps = deps;
    this.#device = options.device;
  }

  /** Applies changes and keeps them for the next note. Returns the messages that they changed, as they are now. */
  async apply(changes: readonly Change[]): Promise<readonly Summary[]> {
    const { store, index, sealer } = this.#deps;
    return store.transact(async (transaction) => {
      let counter = await index.counter(transaction);
      const operations = changes.map((change): Operation => {
        counter += 1;
        return { ...change, counter, device: this.#device };
      });
      for (const operation of operations) {
        const key = pendingChangeKey(operation.counter);
        transaction.put(key, sealer.seal(key, operation));
      }
      return (await index.applyOperations(transaction, operations)).map(({ after }) => after);
    });
  }

  /** Sends what no note carries yet. Returns how many notes that took. */
  async flush(): Promise<number> {
    for (let notes = 0; ; notes++) {
      const rows = await this.#deps.store.range({ ...PENDING_CHANGES, limit: NOTE_OPERATIONS_MAX });
      if (rows.length === 0) return notes;
      const operations = rows.map(({ key, value }) => this.#deps.sealer.open<Operation>(key, value));
      await this.#deps.send(encodeNoteBody({ operations, supersedes: [] }), (transaction) => {
        for (const { key } of rows) transaction.delete(key);
      });
    }
  }

  async hasPending(): Promise<boolean> {
    return (await this.#deps.store.range({ ...PENDING_CHANGES, limit: 1 })).length > 0;
  }

  /** Whether notes are so many that a snapshot is due. */
  async isSnapshotDue(): Promise<boolean> {
    if (!(await this.#hasNotes(this.#notesBeforeSnapshot))) return false;
    const parts = Math.ceil((await this.#countRegisters()) / NOTE_OPERATIONS_MAX);
    // The parts of a snapshot are notes again: were they enough for the next one, there would be no end.
    this.#notesBeforeSnapshot = Math.max(NOTES_BEFORE_SNAPSHOT, SNAPSHOTS_BEFORE_SNAPSHOT * parts);
    return this.#hasNotes(this.#notesBeforeSnapshot);
  }

  /**
   * Writes every register anew. Each part is handed over only when `isDelivered` said so of the one before: the last one names
   * what is superfluous, and must not come before the others are safe. One that was not delivered ends the snapshot.
   */
  async snapshot(isDelivered: (id: PduId) => Promise<boolean>): Promise<void> {
    const supersedes = await this.#notePlaces();
    let operations: Operation[] = [];
    for await (const operation of this.#registers()) {
      operations.push(operation);
      if (operations.length < NOTE_OPERATIONS_MAX) continue;
      const part = await this.#deps.send(encodeNoteBody({ operations, supersedes: [] }), () => undefined);
      if (!(await isDelivered(part))) return;
      operations = [];
    }
    await isDelivered(await this.#deps.send(encodeNoteBody({ operations, supersedes }), () => undefined));
  }

  async #notePlaces(): Promise<NotePlace[]> {
    const numbers = new Map<FeedId, number[]>();
    for (let { from } = NOTES; ; ) {
      const rows = await this.#deps.store.range({ from, to: NOTES.to, limit: SCAN_ROWS });
      for (const { key } of rows) {
        const feed = parseFeedId(toHex(key.subarray(1, 33)));
        numbers.set(feed, [...(numbers.get(feed) ?? []), readUint64(key, 33)]);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) break;
      from = Uint8Array.of(...last.key, 0);
    }
    return [...numbers]
      .flatMap(([feed, held]) => runsOf(held).map(([first, last]) => ({ feed, from: first, to: last })))
      .slice(0, SUPERSEDED_RANGES_MAX);
  }

  async #hasNotes(count: number): Promise<boolean> {
    return (await this.#deps.store.range({ ...NOTES, limit: count })).length >= count;
  }

  async #countRegisters(): Promise<number> {
    let count = 0;
    for await (const _ of this.#registers()) count += 1;
    return count;
  }

  async *#registers(): AsyncGenerator<Operation> {
    for (let { from } = REGISTERS; ; ) {
      const rows = await this.#deps.store.range({ from, to: REGISTERS.to, limit: SCAN_ROWS });
      for (const { key, value } of rows) {
        const { subject, registers } = this.#deps.index.openRegisters(key, value);
        for (const [name, register] of Object.entries(registers)) yield { subject, key: name, ...register };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < SCAN_ROWS) return;
      from = Uint8Array.of(...last.key, 0);
    }
  }
}

/** A keyword of a message set or taken away. */
export function keywordChange(id: PduId, keyword: string, value: boolean): Change {
  return { subject: messageSubject(id), key: keyword, value };
}
