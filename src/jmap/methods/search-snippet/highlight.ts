/** Text with the words that were looked for in `<mark>`, as HTML in which nothing else is markup. */
import { type SearchTerm, type Word, wordsOf } from '../../store/search-index.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Null if no term is in the text. At most `octetsMax` octets around the first place, marks and escapes counted. */
export function highlight(text: string, terms: readonly SearchTerm[], octetsMax: number): string | null {
  const collapsed = text.normalize('NFC').replace(/\s+/g, ' ').trim();
  const spans = spansOf(collapsed, terms);
  const [first] = spans;
  if (first === undefined) return null;
  if (octetsMax === Number.POSITIVE_INFINITY) return mark(collapsed, spans, { start: 0, end: collapsed.length });
  // Some words before, and as many after as there is room for.
  const before = collapsed.lastIndexOf(' ', Math.max(0, first.start - 40)) + 1;
  let window = {
    start: first.start - before > 80 ? first.start : before,
    end: Math.min(collapsed.length, before + octetsMax),
  };
  for (;;) {
    const marked = mark(collapsed, spans, window);
    if (Buffer.byteLength(marked) <= octetsMax || window.end <= window.start) return marked;
    window = { start: window.start, end: window.end - Math.max(1, (Buffer.byteLength(marked) - octetsMax) >> 2) };
  }
}

function spansOf(text: string, terms: readonly SearchTerm[]): Span[] {
  const words = [...wordsOf(text)];
  const spans: Span[] = [];
  for (let at = 0; at < words.length; at++)
    for (const term of terms) {
      const length = matchAt(words, at, term);
      const first = words[at];
      const last = words[at + length - 1];
      if (length > 0 && first !== undefined && last !== undefined) {
        spans.push({ start: first.start, end: last.end });
        at += length - 1;
        break;
      }
    }
  return spans;
}

function matchAt(words: readonly Word[], at: number, { words: wanted, isPrefix }: SearchTerm): number {
  const isMatch = wanted.every((word, offset) => {
    const folded = words[at + offset]?.folded;
    return isPrefix && offset === wanted.length - 1 ? folded?.startsWith(word) === true : folded === word;
  });
  return isMatch ? wanted.length : 0;
}

function mark(text: string, spans: readonly Span[], window: Span): string {
  let marked = '';
  let at = window.start;
  for (const { start, end } of spans) {
    if (start < at || end > window.end) continue;
    marked += `${escapeHtml(text.slice(at, start))}<mark>${escapeHtml(text.slice(start, end))}</mark>`;
    at = end;
  }
  return (marked + escapeHtml(text.slice(at, window.end))).toWellFormed();
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
