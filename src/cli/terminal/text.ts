/**
 * Text from strangers on a terminal: what a subject may contain must neither move the cursor, nor reorder the line, nor
 * break a table. Width is in columns of a monospaced terminal.
 */

// C0 and C1 controls (escape sequences begin with them), line and paragraph separators, and the marks that reorder text.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff]/g;
const UNSAFE_IN_BODY = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** One line that is safe to print: controls become spaces, and spaces are not doubled. */
export function safeLine(text: string): string {
  return text.replace(UNSAFE, ' ').replace(/ {2,}/g, ' ').trim().toWellFormed();
}

/** Several lines that are safe to print; line breaks and tabs stay. */
export function safeBlock(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(UNSAFE_IN_BODY, (control) => (control === '\r' ? '\n' : '\ufffd'))
    .toWellFormed();
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const ZERO_WIDTH = /^[\p{Mark}\p{Format}\p{Control}]+$/u;
// Pictures that terminals draw two columns wide (Unicode, emoji presentation), and the wide scripts of East Asia (UAX 11).
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;

/** Columns that `text` takes, without escape sequences in it. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** `text` in exactly `width` columns: cut with an ellipsis, or filled with spaces. */
export function padTo(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const cut = cutTo(text, width);
  const gap = ' '.repeat(Math.max(0, width - widthOf(cut)));
  return align === 'left' ? cut + gap : gap + cut;
}

/** `text` in at most `width` columns, its end replaced by an ellipsis where it is longer. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = graphemeWidth(segment);
    if (used + next > width - 1) break;
    cut += segment;
    used += next;
  }
  return width <= 0 ? '' : `${cut}…`;
}

function graphemeWidth(segment: string): number {
  if (ZERO_WIDTH.test(segment)) return 0;
  return WIDE.test(segment) ? 2 : 1;
}
