/** The page, as it is now: built anew only when something of it has changed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export async function buildPage(): Promise<void> {
  await promisify(execFile)(process.execPath, ['web/scripts/build.mjs']);
}
