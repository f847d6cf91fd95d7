/**
 * What has changed since a state, for each account and data type. There is one row per object, with the sequence number of
 * its creation and of its last change, so the log never outgrows the objects (and tombstones, which are kept for as long as
 * clients may resume), and any state can be answered in steps of any size.
 *
 * Most rows are of objects that live and have not changed for long. A start leaves those on the disk: a state from before them
 * cannot be answered then, so they are not missed, and what becomes of such an object is written as of one that is known.
 *
 * A state is the log's epoch and a sequence number; between the steps of one answer, also the number at which they began. A
 * state of another epoch, or from before the floor, cannot be answered.
 */
import { CHANGES_KEPT_MS, CHANGES_READ, TOMBSTONES_SWEPT } from '../limits.ts';
import type { DataType } from '../protocol/data-types.ts';
import type { Database, Row } from './database.ts';
import type { JournalRecord } from './journal.ts';

export interface Changes {
  readonly oldState: string;
  readonly newState: string;
  readonly hasMoreChanges: boolean;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly destroyed: readonly string[];
  /** Whether none of the updated objects changed in anything but counts. */
  readonly countsOnly: boolean;
}

export type ChangeKind = 'created' | 'updated' | 'counted' | 'destroyed';

interface Touched {
  readonly account: number;
  readonly type: DataType;
  readonly id: string;
  kind: ChangeKind;
  /** Of an email that is gone, the thread it was in. */
  link: number;
}

interface Cursor {
  readonly account: number;
  readonly type: DataType;
  readonly floor: number;
  seq: number;
}

/** Types with as many objects as there is mail. A removed account destroys them one by one, so none is left on the disk. */
const LARGE_TYPES: ReadonlySet<DataType> = new Set<DataType>(['Email', 'Thread']);

/** Types of which a journal that is not whole keeps no object. */
const MAIL_TYPES: readonly DataType[] = [...LARGE_TYPES, 'EmailDelivery'];

/** Of one account and type, while the journal is read. */
interface Reading {
  /** Rows of living objects up to this number are left where they are. */
  readonly after: number;
  /** The last one that was. */
  left: number;
}

export class ChangeLog {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #epochOf: (account: number) => string;
  #touched = new Map<string, Touched>();
  readonly #reading = new Map<number, Map<DataType, Reading>>();

  constructor(database: Database, now: () => number, epochOf: (account: number) => string) {
    this.#database = database;
    this.#now = now;
    this.#epochOf = epochOf;
  }

  /** Whether a row from the journal is needed here: states come before changes. */
  isRead({ table, row }: JournalRecord): boolean {
    if (row === undefined || (table !== 'state' && table !== 'change')) return true;
    const account = Number(row[0]);
    const type = row[1] as DataType;
    if (table === 'state') {
      if (LARGE_TYPES.has(type)) this.#readingsOf(account).set(type, { after: Number(row[2]) - CHANGES_READ, left: 0 });
      return true;
    }
    const seq = Number(row[4]);
    const reading = this.#reading.get(account)?.get(type);
    if (reading === undefined || seq > reading.after || row[5] === 1) return true;
    reading.left = Math.max(reading.left, seq);
    return false;
  }

  /** Every row that is read is here. */
  restored(): void {
    for (const [account, types] of this.#reading)
      for (const [type, { left }] of types) {
        const sql = 'UPDATE state SET floor = max(floor, ?) WHERE account = ? AND type = ?';
        this.#database.run(sql, left, account, type);
      }
    this.#reading.clear();
  }

  /** Notes a change of the transaction under way; several of one object are one. */
  touch(account: number, type: DataType, id: string, kind: ChangeKind, link = 0): void {
    const key = `${account} ${type} ${id}`;
    const before = this.#touched.get(key);
    if (before === undefined) this.#touched.set(key, { account, type, id, kind, link });
    else if (kind === 'destroyed' && before.kind === 'created') this.#touched.delete(key);
    else if (kind === 'destroyed') Object.assign(before, { kind, link });
    else if (kind === 'updated' && before.kind === 'counted') before.kind = kind;
    else if (kind === 'created' && before.kind === 'destroyed') before.kind = 'updated';
  }

  forget(): void {
    this.#touched.clear();
  }

  /** Of an account that is removed: nobody can ask what has changed in it any more. */
  forgetAccount(account: number): void {
    for (const { type, id } of this.#database.all('SELECT type, id FROM change WHERE account = ?', account))
      this.#database.remove('change', account, type as string, id as string);
    for (const { type } of this.#database.all('SELECT type FROM state WHERE account = ?', account))
      this.#database.remove('state', account, type as string);
  }

  /** Of an account whose mail comes again from its agent. */
  forgetMail(account: number): void {
    for (const type of MAIL_TYPES)
      for (const { id } of this.#database.all('SELECT id FROM change WHERE account = ? AND type = ?', account, type))
        this.#database.remove('change', account, type, id as string);
  }

  /** Writes what was noted. Returns the accounts and types that have a new state. */
  commit(): ReadonlyMap<number, ReadonlyMap<DataType, string>> {
    const states = new Map<number, Map<DataType, string>>();
    if (this.#touched.size === 0) return states;
    const touched = this.#touched;
    this.#touched = new Map();
    const at = Math.floor(this.#now());
    const cursors = new Map<string, Cursor>();
    for (const { account, type, id, kind, link } of touched.values()) {
      const name = `${account} ${type}`;
      let cursor = cursors.get(name);
      if (cursor === undefined) cursors.set(name, (cursor = { account, type, ...this.#seqAndFloor(account, type) }));
      // Every object has a number of its own, so that a client may take a large transaction in small steps.
      this.#write({ account, type, id, kind, link }, ++cursor.seq, at);
    }
    for (const cursor of cursors.values()) {
      const { account, type, seq } = cursor;
      this.#database.put('state', [account, type, seq, this.#sweep(cursor, at)]);
      const types = states.get(account) ?? new Map<DataType, string>();
      states.set(account, types.set(type, this.#spell(account, seq)));
    }
    return states;
  }

  state(account: number, type: DataType): string {
    return this.#spell(account, this.#seqAndFloor(account, type).seq);
  }

  /** What happened after `since`, oldest first, at most `limit` objects; nothing when the log does not reach back so far. */
  since(account: number, type: DataType, since: string, limit: number): Changes | undefined {
    const position = this.#parse(account, type, since);
    if (position === undefined) return undefined;
    const { through, origin } = position;
    const rows = this.#database.all(
      `SELECT id, created, seq, destroyed, props FROM change WHERE account = ? AND type = ? AND seq > ?
       ORDER BY seq LIMIT ?`,
      ...[account, type, through, limit + 1],
    );
    const taken = rows.slice(0, limit);
    const hasMoreChanges = rows.length > limit;
    const idsOf = (wanted: (row: Row) => boolean) => taken.filter(wanted).map(({ id }) => String(id));
    // An object that has changed again since it was created stands behind its creation's number; whoever comes in steps from
    // before that has not heard of it, which only the origin of the steps tells.
    const updated = taken.filter((row) => !row.destroyed && Number(row.created) <= origin);
    const last = `${this.#spell(account, Number(taken.at(-1)?.seq))}-${origin}`;
    return {
      oldState: since,
      newState: hasMoreChanges ? last : this.state(account, type),
      hasMoreChanges,
      created: idsOf((row) => !row.destroyed && Number(row.created) > origin),
      updated: updated.map(({ id }) => String(id)),
      // Also what was created since: it may be one of before that went, came back and went again.
      destroyed: idsOf((row) => row.destroyed === 1),
      countsOnly: updated.length > 0 && updated.every((row) => Number(row.props) <= origin),
    };
  }

  /** The link of objects that are gone. */
  linksOf(account: number, type: DataType, ids: readonly string[]): number[] {
    const sql = 'SELECT link FROM change WHERE account = ? AND type = ? AND id = ?';
    return ids.flatMap((id) => {
      const row = this.#database.get(sql, account, type, id);
      return row === undefined ? [] : [Number(row.link)];
    });
  }

  #write({ account, type, id, kind, link }: Touched, seq: number, at: number): void {
    const before = this.#database.get(
      'SELECT created, destroyed, props FROM change WHERE account = ? AND type = ? AND id = ?',
      account,
      type,
      id,
    );
    // An id that comes back after it was destroyed is a new object; what was left on the disk is older than any state.
    const isLeft = before === undefined && LARGE_TYPES.has(type) && kind !== 'created';
    const isNew = before === undefined ? !isLeft : before.destroyed === 1 && kind !== 'destroyed';
    const created = isNew ? seq : Number(before?.created ?? 0);
    const props = kind === 'counted' && !isNew ? Number(before?.props ?? 0) : seq;
    this.#database.put('change', [account, type, id, created, seq, kind === 'destroyed' ? 1 : 0, props, at, link]);
  }

  /** Drops the oldest rows that nobody can resume from any more, and no object stands for. Returns the floor, which never sinks. */
  #sweep({ account, type, floor, seq }: Cursor, at: number): number {
    const oldest =
      type === 'EmailDelivery'
        ? this.#database.all(
            'SELECT id, seq FROM change WHERE account = ? AND type = ? AND seq <= ? ORDER BY seq LIMIT ?',
            ...[account, type, seq - CHANGES_READ, TOMBSTONES_SWEPT],
          )
        : this.#database.all(
            `SELECT id, seq FROM change WHERE account = ? AND type = ? AND destroyed = 1 AND at < ? ORDER BY at LIMIT ?`,
            ...[account, type, at - CHANGES_KEPT_MS, TOMBSTONES_SWEPT],
          );
    for (const { id } of oldest) this.#database.remove('change', account, type, id as string);
    return Math.max(floor, ...oldest.map(({ seq }) => Number(seq)));
  }

  #readingsOf(account: number): Map<DataType, Reading> {
    const known = this.#reading.get(account);
    if (known !== undefined) return known;
    const types = new Map<DataType, Reading>();
    this.#reading.set(account, types);
    return types;
  }

  #seqAndFloor(account: number, type: DataType): { seq: number; floor: number } {
    const row = this.#database.get('SELECT seq, floor FROM state WHERE account = ? AND type = ?', account, type);
    return row === undefined ? { seq: 0, floor: 0 } : { seq: Number(row.seq), floor: Number(row.floor) };
  }

  #spell(account: number, seq: number): string {
    return `${this.#epochOf(account)}-${seq}`;
  }

  #parse(account: number, type: DataType, state: string): { through: number; origin: number } | undefined {
    const match = /^([a-z0-9]+)-(\d{1,15})(?:-(\d{1,15}))?$/.exec(state);
    if (match === null || match[1] !== this.#epochOf(account)) return undefined;
    const through = Number(match[2]);
    const { seq, floor } = this.#seqAndFloor(account, type);
    return through > seq || through < floor ? undefined : { through, origin: Number(match[3] ?? through) };
  }
}
