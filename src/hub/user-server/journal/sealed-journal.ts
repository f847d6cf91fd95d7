/**
 * The journal of a user's store on the disk, sealed with the hub key. Each transaction is a frame of the log, on the disk
 * before `flush` resolves. A log that has grown becomes a part, in the background; parts are merged so that few stand beside
 * each other. A start reads the logs into memory and then the parts, the newest first, table after table: lists come
 * before the texts that only searching needs.
 *
 * A disk that fails ends the journal: the store in memory would be ahead of it, and nothing is claimed that is not written.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, Scope, type SecureRandom } from '../../../base/index.ts';
import type { Journal, JournalRecord } from '../../../jmap/index.ts';
import { DURABLE_TABLES, LATE_TABLES, TABLES } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import { encodeBatch, LatestRows } from './batch.ts';
import { isWithin, type LogName, type PartName, parseName, spellName } from './file-names.ts';
import { FRAME_ROWS_MAX, LOG_BYTES_MAX, LOGS_MAX, MERGE_RATIO, PARTS_MAX } from './limits.ts';
import { BATCH, createLog, damagedLog, readLog, readPreface } from './log.ts';
import { latestOf, Part, type PartPlace, writePart } from './part.ts';
import type { SealedFileWriter } from './sealed-file.ts';

export interface SealedJournalDeps {
  readonly random: SecureRandom;
  readonly log: Log;
  /** Before every write. Throws HubError `fenced` when another host has taken the user over. */
  readonly checkFence: () => void;
  /** The disk does not take any more, or another host has taken over: the process must end. Called once. */
  readonly onFailed: (error: Error) => void;
  /** A transaction has changed that many rows, whether they are kept or not. */
  readonly onAppended?: (rows: number) => void;
}

export interface SealedJournalOptions {
  /** Made if it is missing; nothing else in it. */
  readonly folder: string;
  readonly hubKey: Uint8Array;
  readonly fence: number;
  /** `memory`: only what no agent can fill again. */
  readonly cache: 'disk' | 'memory';
  readonly logBytesMax?: number;
}

/** A log that is not written any more. */
interface ClosedLog {
  readonly name: LogName;
  readonly bytes: number;
}

interface HeldPart {
  readonly name: PartName;
  readonly sizeBytes: number;
}

export class SealedJournal implements Journal, AsyncDisposable {
  readonly isWhole: boolean;
  readonly #deps: SealedJournalDeps;
  readonly #place: PartPlace;
  readonly #fence: number;
  readonly #logBytesMax: number;
  readonly #isKept: (record: JournalRecord) => boolean;
  readonly #scope: Scope;
  #logs: ClosedLog[];
  /** Oldest first, with no turn in two. */
  #parts: HeldPart[] = [];
  #turn: number;
  #file: SealedFileWriter;
  /** What the logs say of lists, from the start until `load` has handed them over. */
  #listed: LatestRows;
  /** Loads that open files, which no compaction may take away meanwhile. */
  #opening = 0;
  #queue: (readonly JournalRecord[])[] = [];
  #writing: Promise<void> | undefined;
  #compacting: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(deps: SealedJournalDeps, options: SealedJournalOptions, found: Found, file: SealedFileWriter) {
    this.#deps = deps;
    this.#place = placeOf(deps, options);
    this.#fence = options.fence;
    this.#logBytesMax = options.logBytesMax ?? LOG_BYTES_MAX;
    this.isWhole = options.cache === 'disk';
    this.#isKept = this.isWhole ? () => true : ({ table }) => DURABLE_TABLES.has(table);
    this.#scope = new Scope((task, error) => deps.log.error({ err: error, task }, 'a task of the journal failed'));
    this.#logs = found.logs;
    this.#parts = found.parts;
    this.#turn = found.turn;
    this.#file = file;
    this.#listed = found.rows;
  }

  /** Throws HubError `damaged` for files that are damaged or of another key, `fenced`. */
  static async open(deps: SealedJournalDeps, options: SealedJournalOptions): Promise<SealedJournal> {
    deps.checkFence();
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const place = placeOf(deps, options);
    const found = await findFiles(deps.log, place);
    const name: LogName = { type: 'log', fence: options.fence, turn: found.turn };
    const file = await createLog(place, name, prefaceOf(found));
    const journal = new SealedJournal(deps, options, found, file);
    for (const stray of found.strays) await rm(join(options.folder, stray), { force: true });
    return journal;
  }

  async *load(portion: 'lists' | 'rest'): AsyncIterable<readonly JournalRecord[]> {
    const isLate = portion === 'rest';
    const { parts, rows } = isLate ? await this.#snapshotOfRest() : await this.#snapshotOfLists();
    await using _ = parts;
    for (const { name: table } of TABLES) {
      if (LATE_TABLES.has(table) !== isLate) continue;
      for await (const records of latestOf(table, rows.of(table), parts.list, { isWhole: true }))
        if (records.length > 0) yield records;
    }
    if (!isLate) this.#compactIfDue();
  }

  append(batch: readonly JournalRecord[]): void {
    this.#deps.onAppended?.(batch.length);
    const kept = batch.filter(this.#isKept);
    if (kept.length === 0 || this.#failure !== undefined) return;
    this.#queue.push(kept);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What was appended is on the disk when it returns, if the disk takes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#scope[Symbol.asyncDispose]();
    await this.#compacting;
    await this.#file.close();
  }

  async #snapshotOfLists(): Promise<Snapshot> {
    const rows = this.#listed;
    this.#listed = new LatestRows();
    return { rows, parts: await openParts(this.#place, this.#parts) };
  }

  /** Everything of the late tables as it is now: the logs are read again, since nobody may ever ask. */
  async #snapshotOfRest(): Promise<Snapshot> {
    await this.flush();
    this.#opening += 1;
    try {
      await this.#compacting?.catch(() => undefined); // told where it was begun; what it was to replace is still there
      const rows = new LatestRows();
      const takeLate = (records: readonly JournalRecord[]): void =>
        rows.take(records.filter(({ table }) => LATE_TABLES.has(table)));
      const parts = await openParts(this.#place, this.#parts);
      for (const { bytes, name } of [...this.#logs, { name: this.#logName(), bytes: this.#file.sizeBytes }])
        await readLog(this.#place, name, { limitBytes: bytes, mayBeCut: false }, takeLate);
      return { rows, parts };
    } finally {
      this.#opening -= 1;
    }
  }

  /** Transactions that come while others are being written share the next write. */
  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batches = this.#queue.splice(0, framefulOf(this.#queue));
        this.#deps.checkFence();
        if (this.#file.sizeBytes > this.#logBytesMax) await this.#beginLog();
        // One frame: what a crash cuts is then the last one, and nothing stands behind it.
        await this.#file.write([{ kind: BATCH, bytes: encodeBatch(batches.flat()) }]);
        await this.#file.sync();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(cause: unknown): void {
    this.#queue = [];
    this.#failure =
      cause instanceof HubError ? cause : new HubError('failed', 'the journal cannot be written', { cause });
    this.#deps.onFailed(this.#failure);
  }

  async #beginLog(): Promise<void> {
    const before = this.#file;
    const closed = { name: this.#logName(), bytes: before.sizeBytes };
    const logs = (): ClosedLog[] => [...this.#logs, closed];
    const next: LogName = { ...closed.name, turn: this.#turn + 1 };
    const file = await createLog(this.#place, next, prefaceOf({ parts: this.#parts, logs: logs() }));
    // At once: whoever reads the logs meanwhile reads those that there are.
    this.#logs = logs();
    this.#turn = next.turn;
    this.#file = file;
    await before.close();
    this.#compactIfDue();
  }

  #logName(): LogName {
    return { type: 'log', fence: this.#fence, turn: this.#turn };
  }

  /** What stands in closed logs is held in memory once more while it becomes a part: not before it is much. */
  #compactIfDue(): void {
    const closedBytes = this.#logs.reduce((sum, { bytes }) => sum + bytes, 0);
    const isDue = closedBytes >= this.#logBytesMax || this.#logs.length > LOGS_MAX;
    if (this.#compacting !== undefined || this.#opening > 0 || !isDue) return;
    this.#compacting = this.#compact().finally(() => {
      this.#compacting = undefined;
    });
    this.#scope.spawn('compact', () => this.#compacting as Promise<void>);
  }

  async #compact(): Promise<void> {
    const logs = [...this.#logs];
    const [first, last] = [logs[0], logs.at(-1)];
    if (first === undefined || last === undefined) return;
    const rows = new LatestRows();
    for (const { name, bytes } of logs)
      await readLog(this.#place, name, { limitBytes: bytes, mayBeCut: false }, (records) => rows.take(records));
    await this.#replace(
      { type: 'part', fence: this.#fence, from: first.name.turn, to: last.name.turn },
      { rows, parts: [], isWhole: this.#parts.length === 0 },
    );
    this.#logs = this.#logs.filter((log) => !logs.includes(log));
    await this.#removeFiles(logs);
    await this.#merge();
  }

  /** Newer parts are merged with the one before while that is not much larger than they are together. */
  async #merge(): Promise<void> {
    let from = this.#parts.length - 1;
    let sizeBytes = this.#parts[from]?.sizeBytes ?? 0;
    while (from > 0) {
      const before = this.#parts[from - 1] as HeldPart;
      if (before.sizeBytes > MERGE_RATIO * sizeBytes && from < PARTS_MAX) break;
      sizeBytes += before.sizeBytes;
      from -= 1;
    }
    const merged = this.#parts.slice(from);
    const [first, last] = [merged[0], merged.at(-1)];
    if (merged.length < 2 || first === undefined || last === undefined) return;
    await this.#replace(
      { type: 'part', fence: this.#fence, from: first.name.from, to: last.name.to },
      { rows: new LatestRows(), parts: merged, isWhole: from === 0 },
    );
    await this.#removeFiles(merged);
  }

  /** What a part has in its place. Whoever has taken over meanwhile has not seen that part, and needs them. */
  async #removeFiles(files: readonly { readonly name: LogName | PartName }[]): Promise<void> {
    this.#deps.checkFence();
    for (const { name } of files) await rm(join(this.#place.folder, spellName(name)), { force: true });
  }

  /** Writes a part in the place of others. */
  async #replace(
    name: PartName,
    of: { readonly rows: LatestRows; readonly parts: readonly HeldPart[]; readonly isWhole: boolean },
  ): Promise<void> {
    this.#deps.checkFence();
    await using parts = await openParts(this.#place, of.parts);
    await writePart(this.#place, name, async function* (table) {
      for await (const records of latestOf(table, of.rows.of(table), parts.list, of)) yield* records;
    });
    await using part = await Part.open(this.#place, name);
    const { sizeBytes } = part;
    const kept = this.#parts.filter((held) => !of.parts.includes(held));
    this.#parts = [...kept, { name, sizeBytes }].sort((a, b) => a.name.from - b.name.from);
  }
}

interface Snapshot {
  /** Of the logs: newer than what parts have. */
  readonly rows: LatestRows;
  readonly parts: OpenParts;
}

interface OpenParts extends AsyncDisposable {
  /** Newest first. */
  readonly list: readonly Part[];
}

interface Found {
  readonly logs: ClosedLog[];
  readonly parts: HeldPart[];
  /** Of the log to begin. */
  readonly turn: number;
  readonly rows: LatestRows;
  /** Files that do not count any more. */
  readonly strays: readonly string[];
}

/** The newest log names what counts before it; of its own host, what was made since counts too. */
async function findFiles(log: Log, place: PartPlace): Promise<Found> {
  const files = await readdir(place.folder);
  const names = files.map(parseName).filter((name) => name !== undefined);
  const found = names.filter((name) => name.type === 'log').sort((a, b) => b.fence - a.fence || b.turn - a.turn);
  const turn = Math.max(0, ...names.map((name) => (name.type === 'log' ? name.turn : name.to))) + 1;
  const rows = new LatestRows();
  const read = await newestPreface(place, found);
  if (read === undefined) return { logs: [], parts: [], turn, rows, strays: files };
  const { own, preface: newest } = read;
  const { fence } = own;
  const limits = new Map(newest.logs.map(({ name, bytes }) => [name, bytes]));
  const held = names
    .filter((name) => name.type === 'part')
    .filter((name) => name.fence === fence || newest.parts.includes(spellName(name)));
  const partNames = held.filter((name) => !held.some((other) => isWithin(name, other))).sort((a, b) => a.from - b.from);
  const logs: ClosedLog[] = [];
  for (const name of [...found].reverse()) {
    const limit = name === own ? newest.bytes : limits.get(spellName(name));
    const isInPart = partNames.some(({ from, to }) => from <= name.turn && name.turn <= to);
    if (limit === undefined || isInPart) continue;
    const takeLists = (records: readonly JournalRecord[]): void =>
      rows.take(records.filter(({ table }) => !LATE_TABLES.has(table)));
    // What the newest log counted of the others was on the disk, and read once.
    const atBytes = await readLog(place, name, { limitBytes: limit, mayBeCut: name === own }, takeLists);
    const cutBytes = limit - atBytes;
    if (cutBytes > 0)
      log.warn({ file: spellName(name), cutBytes }, 'a crash has cut a log; what it cut was not answered');
    logs.push({ name, bytes: atBytes });
  }
  const counted = new Set([...partNames, ...logs.map(({ name }) => name)].map(spellName));
  await using parts = await openParts(
    place,
    partNames.map((name) => ({ name })),
  );
  return {
    logs,
    parts: partNames.map((name, at) => ({ name, sizeBytes: parts.list.at(-1 - at)?.sizeBytes ?? 0 })),
    turn,
    rows,
    strays: files.filter((file) => !counted.has(file)),
  };
}

/** Throws HubError `damaged` for one that does not open: nothing is thrown away for want of the key, or silently. */
async function newestPreface(place: PartPlace, logs: readonly LogName[]) {
  for (const own of logs) {
    const preface = await readPreface(place, own);
    if (preface.status === 'read') return { own, preface };
    if (preface.status === 'damaged') throw damagedLog(place, own);
  }
  return undefined;
}

async function openParts(place: PartPlace, held: readonly { readonly name: PartName }[]): Promise<OpenParts> {
  const list: Part[] = [];
  const close = async (): Promise<void> => {
    for (const part of list) await part[Symbol.asyncDispose]();
  };
  try {
    for (const { name } of [...held].reverse()) list.push(await Part.open(place, name));
  } catch (error) {
    await close();
    throw error;
  }
  return { list, [Symbol.asyncDispose]: close };
}

/** How many of the first transactions share a frame: as many as have few rows together, or one alone. */
function framefulOf(queue: readonly (readonly JournalRecord[])[]): number {
  let rows = 0;
  const end = queue.findIndex((batch) => (rows += batch.length) > FRAME_ROWS_MAX);
  return end < 0 ? queue.length : Math.max(1, end);
}

function prefaceOf({ logs, parts }: Pick<Found, 'logs' | 'parts'>) {
  return {
    parts: parts.map(({ name }) => spellName(name)),
    logs: logs.map(({ name, bytes }) => ({ name: spellName(name), bytes })),
  };
}

function placeOf({ random }: SealedJournalDeps, { folder, hubKey }: SealedJournalOptions): PartPlace {
  return { random, folder, hubKey };
}
