/** The text of HTML, for previews and searching. One pass, in proportion to its length, whatever it holds. */

const HIDDEN = /^(script|style|head|title|template|noscript)$/;
const BLOCK = /^(p|div|br|tr|li|h[1-6]|table|ul|ol|blockquote|pre|hr|td|th|section|article|header|footer)$/;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  reg: '®',
  euro: '€',
  hellip: '…',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  middot: '·',
  bull: '•',
  shy: '',
  zwnj: '',
  zwj: '',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  Auml: 'Ä',
  Ouml: 'Ö',
  Uuml: 'Ü',
  szlig: 'ß',
  eacute: 'é',
  egrave: 'è',
  agrave: 'à',
  ccedil: 'ç',
  ntilde: 'ñ',
  aacute: 'á',
  iacute: 'í',
  oacute: 'ó',
  uacute: 'ú',
  aring: 'å',
  oslash: 'ø',
};

export function textOfHtml(html: string): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    pieces.push(html.slice(at, open < 0 ? undefined : open));
    if (open < 0) break;
    at = afterMarkup(html, open, pieces);
  }
  return decodeEntities(pieces.join(''));
}

/** Where text goes on after the markup at `open`. */
function afterMarkup(html: string, open: number, pieces: string[]): number {
  if (html.startsWith('<!--', open)) {
    const end = html.indexOf('-->', open + 4);
    return end < 0 ? html.length : end + 3;
  }
  const match = /^<(\/?)([a-zA-Z][a-zA-Z0-9]*)/.exec(html.slice(open, open + 30));
  if (match === null && html[open + 1] !== '!' && html[open + 1] !== '?') {
    pieces.push('<');
    return open + 1;
  }
  const end = html.indexOf('>', open);
  if (end < 0) return html.length;
  const name = match?.[2]?.toLowerCase() ?? '';
  if (BLOCK.test(name)) pieces.push('\n');
  if (match?.[1] !== '' || !HIDDEN.test(name) || html[end - 1] === '/') return end + 1;
  const close = new RegExp(`</${name}`, 'ig');
  close.lastIndex = end;
  const after = close.exec(html) === null ? -1 : html.indexOf('>', close.lastIndex);
  return after < 0 ? html.length : after + 1;
}

/** What attributes show to people: found by search, but no part of the text (RFC 8621, section 4.4.1). */
export function attributeTextOf(html: string): string {
  return [...html.matchAll(/\s(?:alt|title)\s*=\s*(?:"([^"<>]{1,1000})"|'([^'<>]{1,1000})')/gi)]
    .map(([, double, single]) => decodeEntities(double ?? single ?? ''))
    .join('\n');
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));?/g,
    (whole, decimal, hex, name: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
