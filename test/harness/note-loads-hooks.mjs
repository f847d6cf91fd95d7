/** Node's own hooks for `note-loads.mjs`: notes what is loaded, and changes nothing. */
import { appendFileSync } from 'node:fs';

const notes = { file: '' };

export function initialize({ file }) {
  notes.file = file;
}

export async function load(url, context, nextLoad) {
  appendFileSync(notes.file, `${url}\n`);
  return await nextLoad(url, context);
}
