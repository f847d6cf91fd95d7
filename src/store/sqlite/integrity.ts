/** Looks at every page, row and value file of a store. Changes nothing. */
import { type Stats, statSync } from 'node:fs';
import { openReader } from './database.ts';
import { PROBLEMS_MAX } from './limits.ts';
import { rowsOf } from './schema.ts';
import { ValueFiles } from './value-files.ts';

export interface CheckReport {
  readonly ok: boolean;
  /** In words; the first hundred. */
  readonly problems: readonly string[];
}

/** The store may be open and written meanwhile; dropped value files must stay until it is done. */
export function checkStore(folder: string): CheckReport {
  const database = openReader(folder);
  const problems: string[] = [];
  try {
    database.exec('BEGIN');
    for (const [problem] of rowsOf(database, `PRAGMA integrity_check(${PROBLEMS_MAX})`))
      if (problem !== 'ok') problems.push(String(problem));
    const unlisted = 'SELECT file FROM kv WHERE file IS NOT NULL EXCEPT SELECT id FROM value_file';
    for (const [id] of rowsOf(database, unlisted)) problems.push(`value file ${id} is named by a row and not listed`);
    const unnamed = 'SELECT id FROM value_file EXCEPT SELECT file FROM kv';
    for (const [id] of rowsOf(database, unnamed)) problems.push(`value file ${id} is listed and named by no row`);
    const files = new ValueFiles(folder);
    for (const [id, size] of rowsOf(database, 'SELECT id, size FROM value_file')) {
      const problem = problemOf(files.pathOf(Number(id)), Number(size));
      if (problem !== undefined) problems.push(`value file ${id} ${problem}`);
    }
  } finally {
    database.close();
  }
  return { ok: problems.length === 0, problems: problems.slice(0, PROBLEMS_MAX) };
}

function problemOf(path: string, sizeBytes: number): string | undefined {
  const found: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'is missing';
  return found.size === sizeBytes ? undefined : `has ${found.size} bytes instead of ${sizeBytes}`;
}
