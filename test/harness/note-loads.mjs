/**
 * Given to Node by --import, in every process and thread: notes the URL of each module that is loaded, one a line, in a file
 * of the folder that RESTANTE_TEST_LOADS names.
 */
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';

const folder = process.env.RESTANTE_TEST_LOADS;
if (folder === undefined) throw new Error('RESTANTE_TEST_LOADS is not set');
const file = join(folder, randomUUID());
appendFileSync(file, '');
// The hooks run in a thread that has this file's exports, not its variables.
register(new URL('./note-loads-hooks.mjs', import.meta.url), { data: { file } });
