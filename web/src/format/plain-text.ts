/** Plain text for reading: links that can be followed, and what was quoted at the end set apart. */
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gi;

export interface Piece {
  readonly text: string;
  readonly href: string | undefined;
}

export function linked(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), href: undefined });
    pieces.push({ text: match[0], href: match[0] });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), href: undefined });
  return pieces;
}

/** Only what is quoted at the very end, with the line that introduces it: an answer between the lines is read with them. */
export function withoutQuoted(text: string): { readonly own: string; readonly quoted: string } {
  const lines = text.replace(/\s+$/, '').split(/\r?\n/);
  let from = lines.length;
  while (from > 0 && /^\s*(>|$)/.test(lines[from - 1] ?? '')) from--;
  const isQuote = lines.slice(from).some((line) => /^\s*>/.test(line));
  if (!isQuote || from === 0) return { own: lines.join('\n'), quoted: '' };
  if (/:\s*$/.test(lines[from - 1] ?? '') && from > 1) from--;
  return { own: lines.slice(0, from).join('\n').trimEnd(), quoted: lines.slice(from).join('\n').trim() };
}
