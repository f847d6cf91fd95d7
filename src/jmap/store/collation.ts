/** Sort keys of text by the collations that the session object names (RFC 4790, RFC 5051). */

export const COLLATIONS = ['i;unicode-casemap', 'i;ascii-casemap', 'i;ascii-numeric', 'i;octet'] as const;
export const DEFAULT_COLLATION = 'i;unicode-casemap';

/** Keys that SQLite's own comparison puts in the collation's order. */
export function sortKey(text: string, collation: string): string | number {
  switch (collation) {
    case 'i;octet':
      return text;
    case 'i;ascii-casemap':
      return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
    case 'i;ascii-numeric': {
      // What begins with no digit comes last (RFC 4790, section 9.1).
      const digits = /^\d+/.exec(text)?.[0];
      return digits === undefined ? Number.MAX_VALUE : Number(digits);
    }
    default:
      return text.normalize('NFKD').toUpperCase();
  }
}
