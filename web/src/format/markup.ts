/**
 * Plain text with light marks as HTML, for the letter's second form: **bold**, _italic_, lists, quotes, links. What is typed
 * stays what is kept and quoted; who reads plain text reads the marks.
 */
const INLINE =
  /(?<![\p{L}\p{N}*])\*\*(?=\S)([^*\n]+?)\*\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_])_(?=\S)([^_\n]+?)_(?![\p{L}\p{N}_])|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}])/gu;
const IS_MARKED =
  /(?<![\p{L}\p{N}*])\*\*\S[^*\n]*\*\*(?![\p{L}\p{N}*])|(?<![\p{L}\p{N}_])_\S[^_\n]*_(?![\p{L}\p{N}_])|\]\(https?:\/\/|^(?:[-*•]|\d+\.) \S/mu;
const ITEM = /^(?:([-*•])|(\d+)\.) (.*)$/;

/** Undefined when nothing is marked: then plain text says it all. */
export function markupHtml(text: string): string | undefined {
  if (!IS_MARKED.test(text)) return undefined;
  return `<!DOCTYPE html><html><body>\n${blocks(text.replace(/\r\n?/g, '\n').split('\n'))}</body></html>\n`;
}

function blocks(lines: readonly string[]): string {
  let html = '';
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    const end = endOf(lines, at);
    const block = lines.slice(at, end);
    if (line.startsWith('>'))
      html += `<blockquote type="cite">\n${blocks(block.map((each) => each.replace(/^> ?/, '')))}</blockquote>\n`;
    else if (ITEM.test(line)) html += listOf(block);
    else if (line.trim() !== '') html += `<p>${block.map(inline).join('<br>\n')}</p>\n`;
    at = end;
  }
  return html;
}

/** Behind the last line of what begins here: a quote, a list, a paragraph, or empty lines. */
function endOf(lines: readonly string[], from: number): number {
  const kindOf = (line: string): string => {
    if (line.startsWith('>')) return 'quote';
    const [, bullet, number] = ITEM.exec(line) ?? [];
    if (bullet !== undefined || number !== undefined) return bullet === undefined ? 'numbers' : 'list';
    return line.trim() === '' ? 'empty' : 'words';
  };
  const kind = kindOf(lines[from] ?? '');
  let end = from + 1;
  while (end < lines.length && kindOf(lines[end] ?? '') === kind) end++;
  return end;
}

function listOf(lines: readonly string[]): string {
  const tag = ITEM.exec(lines[0] ?? '')?.[1] === undefined ? 'ol' : 'ul';
  const items = lines.map((line) => `<li>${inline(ITEM.exec(line)?.[3] ?? '')}</li>\n`);
  return `<${tag}>\n${items.join('')}</${tag}>\n`;
}

function inline(text: string): string {
  let html = '';
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, bold, italic, name, href, bare] = match;
    html += escaped(text.slice(at, match.index));
    if (bold !== undefined) html += `<strong>${inline(bold)}</strong>`;
    else if (italic !== undefined) html += `<em>${inline(italic)}</em>`;
    else html += `<a href="${escaped(href ?? bare ?? '')}">${escaped(name ?? bare ?? '')}</a>`;
    at = match.index + whole.length;
  }
  return html + escaped(text.slice(at));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
