/** Looks at every page, row and value file of a store. Changes nothing. */
import { type Stats, statSync } from 'node:fs';
import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { openReader } from './database.ts';
import { toStoreError } from './engine-errors.ts';
import { PROBLEMS_MAX } from './limits.ts';
import { rowsOf } from './schema.ts';
import { ValueFiles } from './value-files.ts';

export interface CheckReport {
  readonly ok: boolean;
  /** Whether pages, index and rows hold together: what is wrong is files, then. */
  readonly isLaidOut: boolean;
  /** In words; the first hundred. */
  readonly problems: readonly string[];
}

/** The store may be open and written meanwhile; dropped value files must stay until it is done. `throwIfEnding` is asked between steps. */
export function checkStore(folder: string, throwIfEnding: () => void): CheckReport {
  const database = openReader(folder);
  try {
    database.exec('BEGIN');
    const problems = layoutProblemsOf(database);
    // A damaged table cannot be read to its end, so that what is said of files would be wrong.
    const found = problems.length === 0 ? fileProblems(database, new ValueFiles(folder), throwIfEnding) : problems;
    return { ok: found.length === 0, isLaidOut: problems.length === 0, problems: found.slice(0, PROBLEMS_MAX) };
  } catch (error) {
    // Some damage ends the check itself.
    return { ok: false, isLaidOut: false, problems: [damageOf(error)] };
  } finally {
    database.close();
  }
}

/** Of pages, of the index, and of what rows say of files; not of the files themselves. Changes nothing. */
export function layoutProblems(folder: string): readonly string[] {
  const database = openReader(folder);
  try {
    return layoutProblemsOf(database);
  } catch (error) {
    return [damageOf(error)];
  } finally {
    database.close();
  }
}

function layoutProblemsOf(database: DatabaseSyncInstance): readonly string[] {
  const problems = pageProblems(database);
  return problems.length === 0 ? listProblems(database) : problems;
}

/** In words. Throws what is no damage. */
function damageOf(error: unknown): string {
  const damage = toStoreError(error);
  if (damage.code !== 'corrupt') throw damage;
  return damage.message;
}

function pageProblems(database: DatabaseSyncInstance): readonly string[] {
  const found = rowsOf(database, `PRAGMA integrity_check(${PROBLEMS_MAX})`).map(([problem]) => String(problem));
  return found.length === 1 && found[0] === 'ok' ? [] : found;
}

function listProblems(database: DatabaseSyncInstance): readonly string[] {
  const unlisted = 'SELECT file FROM kv WHERE file IS NOT NULL EXCEPT SELECT id FROM value_file';
  const unnamed = 'SELECT id FROM value_file EXCEPT SELECT file FROM kv';
  return [
    ...rowsOf(database, unlisted).map(([id]) => `value file ${id} is named by a row and not listed`),
    ...rowsOf(database, unnamed).map(([id]) => `value file ${id} is listed and named by no row`),
  ];
}

function fileProblems(database: DatabaseSyncInstance, files: ValueFiles, throwIfEnding: () => void): readonly string[] {
  const problems: string[] = [];
  for (const [id, size] of rowsOf(database, 'SELECT id, size FROM value_file')) {
    throwIfEnding();
    const problem = problemOf(files.pathOf(Number(id)), Number(size));
    if (problem !== undefined) problems.push(`value file ${id} ${problem}`);
  }
  return problems;
}

function problemOf(path: string, sizeBytes: number): string | undefined {
  const found: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'is missing';
  return found.size === sizeBytes ? undefined : `has ${found.size} bytes instead of ${sizeBytes}`;
}
