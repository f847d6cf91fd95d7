/** Encoded words of header fields (RFC 2047), with the language tags of RFC 2231. */
import { decodeCharset, isKnownCharset } from './charset.ts';

const WORD = /=\?([^?\s*]{1,60})(?:\*[^?\s]{0,60})?\?([bqBQ])\?([^?\s]*)\?=/;
const RUN = new RegExp(`${WORD.source}(?:[ \\t\\r\\n]+${WORD.source})*`, 'g');
const EACH = new RegExp(WORD.source, 'g');
// C0 and C1 controls that encoding smuggles in.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * Decodes the encoded words of unstructured text or a phrase. A word that touches other text is no encoded word, except
 * beside parentheses or quotes; words beside each other are joined without the white space between them.
 */
export function decodeEncodedWords(text: string): string {
  if (!text.includes('=?')) return text;
  return text.replace(RUN, (run, ...rest) => {
    const offset = rest.find((value): value is number => typeof value === 'number') ?? 0;
    const before = text[offset - 1];
    const after = text[offset + run.length];
    if (!isBorder(before, '("') || !isBorder(after, ')"')) return run;
    return decodeRun(run);
  });
}

function isBorder(character: string | undefined, also: string): boolean {
  return character === undefined || /\s/.test(character) || also.includes(character);
}

interface Piece {
  readonly charset: string;
  readonly bytes: Uint8Array;
}

/** Bytes of neighbours in the same character set are decoded together: programs split characters between words. */
function decodeRun(run: string): string {
  let text = '';
  let pieces: Piece[] = [];
  let end = 0;
  const flush = (): void => {
    const [first] = pieces;
    if (first !== undefined)
      text += decodeCharset(Buffer.concat(pieces.map(({ bytes }) => bytes)), first.charset).text.replace(CONTROLS, '');
    pieces = [];
  };
  for (const match of run.matchAll(EACH)) {
    const [word, charset = '', encoding = '', content = ''] = match;
    if (!isKnownCharset(charset)) {
      flush();
      text += (end === 0 ? '' : run.slice(end, match.index)) + word; // stays as it was written, like the space before it
    } else {
      if (pieces[0] !== undefined && !areOneText(pieces[0].charset, charset)) flush();
      pieces.push({ charset, bytes: /b/i.test(encoding) ? Buffer.from(content, 'base64') : decodeQ(content) });
    }
    end = match.index + word.length;
  }
  flush();
  return text;
}

/** Words in a character set with shift states begin and end in ASCII each, and must not be joined. */
function areOneText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() && !/^(?:iso-2022|hz-)/i.test(a);
}

function decodeQ(content: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < content.length; i++) {
    const code = content.charCodeAt(i);
    const hex = code === 61 ? /^[0-9A-Fa-f]{2}/.exec(content.slice(i + 1, i + 3)) : null;
    if (hex !== null) {
      bytes.push(Number.parseInt(hex[0], 16));
      i += 2;
    } else if (code === 95) bytes.push(32);
    else if (code < 128) bytes.push(code);
    else bytes.push(...Buffer.from(content[i] as string));
  }
  return Uint8Array.from(bytes);
}
