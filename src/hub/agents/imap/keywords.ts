/**
 * Flags of IMAP as JMAP's keywords (RFC 8621, section 4.1.1) and back. \Recent has none; a message with \Deleted is not there
 * for JMAP, so neither has one.
 */
import { KEYWORDS_MAX } from './limits.ts';

const KEYWORDS: Readonly<Record<string, string>> = {
  '\\seen': '$seen',
  '\\answered': '$answered',
  '\\flagged': '$flagged',
  '\\draft': '$draft',
  // As older programs spell them.
  junk: '$junk',
  nonjunk: '$notjunk',
  notjunk: '$notjunk',
  forwarded: '$forwarded',
};
const FLAGS: Readonly<Record<string, string>> = {
  $seen: '\\Seen',
  $answered: '\\Answered',
  $flagged: '\\Flagged',
  $draft: '\\Draft',
};
/** RFC 8621: what a keyword may consist of. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,255}$/;

export const DELETED = '\\deleted';

export function isDeleted(flags: Iterable<string>): boolean {
  for (const flag of flags) if (flag.toLowerCase() === DELETED) return true;
  return false;
}

/** Sorted, each once; what JMAP cannot spell is left out. */
export function keywordsOf(flags: Iterable<string>): string[] {
  const keywords = new Set<string>();
  for (const flag of flags) {
    const lower = flag.toLowerCase();
    const keyword = KEYWORDS[lower] ?? lower;
    if (!keyword.startsWith('\\') && KEYWORD.test(keyword) && keywords.size < KEYWORDS_MAX) keywords.add(keyword);
  }
  return [...keywords].sort();
}

/** All spellings that a server may have are removed, the first is set. */
export function flagOf(keyword: string): string {
  return FLAGS[keyword] ?? keyword;
}

export function spellingsOf(keyword: string): string[] {
  const others = Object.entries(KEYWORDS).filter(([flag, known]) => known === keyword && !flag.startsWith('\\'));
  return [flagOf(keyword), ...others.map(([flag]) => flag)];
}
