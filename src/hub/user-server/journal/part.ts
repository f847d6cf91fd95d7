/** Parts: the rows of some logs, table by table, each key once. Written once, then only read, and merged with others. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureRandom } from '../../../base/index.ts';
import type { JournalRecord } from '../../../jmap/index.ts';
import { TABLES, type TableName } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import { tableOf } from './batch.ts';
import { type PartName, spellName } from './file-names.ts';
import { syncFolder } from './folder.ts';
import { PART_FRAME_BYTES } from './limits.ts';
import { decodeRows, encodeRows } from './rows.ts';
import { SealedFileReader, SealedFileWriter } from './sealed-file.ts';

export interface PartPlace {
  readonly random: SecureRandom;
  readonly folder: string;
  readonly hubKey: Uint8Array;
}

/** Whole under its name, or not there. */
export async function writePart(
  { random, folder, hubKey }: PartPlace,
  name: PartName,
  rowsOf: (table: TableName) => AsyncIterable<JournalRecord>,
): Promise<void> {
  const path = join(folder, spellName(name));
  await rm(`${path}.new`, { force: true });
  const file = await SealedFileWriter.create(random, `${path}.new`, hubKey);
  try {
    for (const [kind, { name: table }] of TABLES.entries())
      for await (const records of pagesOf(rowsOf(table))) await file.write([{ kind, bytes: encodeRows(records) }]);
    await file.finish();
  } catch (error) {
    await file.close();
    throw error;
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

export class Part implements AsyncDisposable {
  readonly #reader: SealedFileReader;
  readonly #name: PartName;

  private constructor(reader: SealedFileReader, name: PartName) {
    this.#reader = reader;
    this.#name = name;
  }

  /** Throws HubError `damaged`. */
  static async open({ folder, hubKey }: Omit<PartPlace, 'random'>, name: PartName): Promise<Part> {
    const reader = await SealedFileReader.open(join(folder, spellName(name)), hubKey);
    if (reader === undefined) throw damaged(name);
    return new Part(reader, name);
  }

  get sizeBytes(): number {
    return this.#reader.sizeBytes;
  }

  async *rowsOf(table: TableName): AsyncGenerator<readonly JournalRecord[]> {
    const frames = this.#reader.frames((kind) => tableOf(kind) === table);
    for (;;) {
      const { done, value } = await frames.next();
      if (done === true) {
        if (value.end !== 'finished') throw damaged(this.#name);
        return;
      }
      yield decodeRows(table, value.bytes);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

/**
 * The last version of each row of a table in several parts, newest part first. Of rows that are gone the keys, too, unless
 * `isWhole`: then no older part can have them.
 */
export async function* latestOf(
  table: TableName,
  newest: ReadonlyMap<string, JournalRecord>,
  parts: readonly Part[],
  { isWhole }: { readonly isWhole: boolean },
): AsyncGenerator<readonly JournalRecord[]> {
  const seen = new Set(newest.keys());
  const shown = ({ row }: JournalRecord): boolean => !isWhole || row !== undefined;
  if (newest.size > 0) yield [...newest.values()].filter(shown);
  for (const [index, part] of parts.entries()) {
    const isOldest = index === parts.length - 1;
    for await (const records of part.rowsOf(table)) {
      const fresh = seen.size === 0 ? records : records.filter(({ key }) => !seen.has(key));
      if (!isOldest) for (const { key } of fresh) seen.add(key);
      yield fresh.filter(shown);
    }
  }
}

/** Records in pages of some bytes. */
async function* pagesOf(records: AsyncIterable<JournalRecord>): AsyncGenerator<readonly JournalRecord[]> {
  let page: JournalRecord[] = [];
  let sizeBytes = 0;
  for await (const record of records) {
    page.push(record);
    sizeBytes += sizeOf(record);
    if (sizeBytes < PART_FRAME_BYTES) continue;
    yield page;
    page = [];
    sizeBytes = 0;
  }
  if (page.length > 0) yield page;
}

function sizeOf({ row = [] }: JournalRecord): number {
  return row.reduce<number>((sum, value) => sum + (typeof value === 'number' || value === null ? 8 : value.length), 8);
}

function damaged(name: PartName): HubError {
  return new HubError('damaged', `the part ${spellName(name)} of a journal is damaged, or of another key`);
}
