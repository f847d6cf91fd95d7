/**
 * The text of an HTML message, enough for lists and search; showing HTML is for programs that sanitise it. One pass over
 * the input, whatever it holds: hostile mail must not cost more than its length.
 */
const INVISIBLE = /^(style|script|head|title)$/i;
const BREAKING = /^(br|p|div|tr|li|ul|ol|table|blockquote|h[1-6])$/i;
const ENTITIES: Readonly<Record<string, string>> = Object.freeze({
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
});
/** A tag's name is no longer than this. */
const TAG_NAME_CHARACTERS = 12;

export function textOfHtml(html: string): string {
  const lower = html.toLowerCase();
  let text = '';
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      text += html.slice(at);
      break;
    }
    text += html.slice(at, open);
    const close = html.indexOf('>', open);
    if (close < 0) break; // an unfinished tag hides the rest, as in browsers
    const name = /^\/?([a-z][a-z0-9]*)/i.exec(html.slice(open + 1, open + 2 + TAG_NAME_CHARACTERS))?.[1] ?? '';
    at = close + 1;
    if (INVISIBLE.test(name) && html[open + 1] !== '/') {
      const end = lower.indexOf(`</${name.toLowerCase()}`, at);
      if (end < 0) break;
      at = end;
    } else text += BREAKING.test(name) ? '\n' : ' ';
  }
  return collapse(decodeEntities(text));
}

function decodeEntities(text: string): string {
  return text.replace(/&(#x?[0-9a-f]{1,6}|[a-z]{2,6});/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return Number.isNaN(code) || code > 0x10ffff ? whole : String.fromCodePoint(code).toWellFormed();
  });
}

function collapse(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
