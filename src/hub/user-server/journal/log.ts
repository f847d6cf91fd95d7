/**
 * A log of the journal: a preface, then a frame for each transaction. The preface says which files before it count, and how
 * much of each log: a host that was paused and writes on into its log adds nothing.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { fromUtf8, utf8 } from '../../../base/index.ts';
import type { JournalRecord } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import { decodeBatch } from './batch.ts';
import { type LogName, spellName } from './file-names.ts';
import { syncFolder } from './folder.ts';
import type { PartPlace } from './part.ts';
import { SealedFileReader, SealedFileWriter } from './sealed-file.ts';

export const BATCH = 0;
const PREFACE = 1;

const prefaceSchema = z.strictObject({
  v: z.literal(1),
  parts: z.array(z.string()),
  logs: z.array(z.strictObject({ name: z.string(), bytes: z.int().min(0) })),
});

export type Preface = Omit<z.output<typeof prefaceSchema>, 'v'>;

/** On the disk with its preface when it returns. */
export async function createLog(place: PartPlace, name: LogName, preface: Preface): Promise<SealedFileWriter> {
  const file = await SealedFileWriter.create(place.random, join(place.folder, spellName(name)), place.hubKey);
  await file.write([{ kind: PREFACE, bytes: utf8(JSON.stringify({ v: 1, ...preface })) }]);
  await file.sync();
  await syncFolder(place.folder);
  return file;
}

export type ReadPreface =
  | ({ readonly status: 'read'; readonly bytes: number } & Preface)
  /** A crash came before it was whole: nothing was ever written behind it. */
  | { readonly status: 'cut' }
  /** It is whole and does not open: of another key, or changed. */
  | { readonly status: 'damaged' };

export async function readPreface(place: Omit<PartPlace, 'random'>, name: LogName): Promise<ReadPreface> {
  const reader = await SealedFileReader.open(join(place.folder, spellName(name)), place.hubKey);
  if (reader === undefined) return { status: 'cut' };
  await using file = reader;
  const { done, value } = await file.frames((kind) => kind === PREFACE).next();
  if (done === true) return { status: value.end === 'damaged' ? 'damaged' : 'cut' };
  const preface = prefaceSchema.parse(JSON.parse(fromUtf8(value.bytes)));
  return { status: 'read', parts: preface.parts, logs: preface.logs, bytes: file.sizeBytes };
}

/**
 * Hands over the transactions of a log up to a place that was written once. `mayBeCut`: of the newest, whose last write a
 * crash may have cut; returned is where what counts ends. Throws HubError `damaged`.
 */
export async function readLog(
  place: Omit<PartPlace, 'random'>,
  name: LogName,
  { limitBytes, mayBeCut }: { readonly limitBytes: number; readonly mayBeCut: boolean },
  take: (records: readonly JournalRecord[]) => void,
): Promise<number> {
  const reader = await SealedFileReader.open(join(place.folder, spellName(name)), place.hubKey);
  if (reader === undefined) {
    if (limitBytes > 0 && !mayBeCut) throw damagedLog(place, name);
    return 0;
  }
  await using file = reader;
  const frames = file.frames(() => true, limitBytes);
  for (;;) {
    const { done, value } = await frames.next();
    if (done !== true) {
      if (value.kind === BATCH) take(decodeBatch(value.bytes));
      continue;
    }
    if (value.end === 'damaged' || (value.atBytes < limitBytes && !mayBeCut)) throw damagedLog(place, name);
    return value.atBytes;
  }
}

export function damagedLog({ folder }: { readonly folder: string }, name: LogName): HubError {
  return new HubError('damaged', `the log ${spellName(name)} of a journal is damaged, or of another key`, {
    fix: `Bring ${folder} back from a backup, or move it away: mail comes back from its home, changes that had not left do not.`,
  });
}
