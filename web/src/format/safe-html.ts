/**
 * HTML mail made harmless: scripts, forms and everything that asks somebody else is taken out here, and what this would miss
 * the frame refuses (sandbox without scripts, a policy that lets it load nothing).
 */
import DOMPurify from 'dompurify';
import { decoded } from './escapes.ts';

export interface SafeMail {
  /** Style sheets and content, for the body of the frame. */
  readonly fragment: DocumentFragment;
  /** What the message says its page looks like. */
  readonly bodyStyle: string;
  /** Something of it is elsewhere, and was left out. */
  readonly hasRemote: boolean;
  /** It brings colours of its own, which are made for white paper. */
  readonly hasColours: boolean;
  readonly inlineImages: readonly { readonly image: HTMLImageElement; readonly cid: string }[];
}

const FORBIDDEN = [
  'base',
  'button',
  'form',
  'iframe',
  'input',
  'link',
  'meta',
  'object',
  'select',
  'textarea',
  'audio',
  'video',
  'svg',
  'math',
];
const REMOTE = /^\s*(https?:)?\/\//i;
/** In styles: what has an address elsewhere, and functions that take one as a string. */
const REMOTE_STYLES =
  /url\(\s*['"]?\s*(?:https?:)?\/\/[^)]*\)|@import[^;]+;?|(?:image-set|cross-fade|image|src)\([^)]*\)/gi;
/** A character by its number, an escaped line end, or any other character that is escaped (CSS Syntax 3, section 4.3.7). */
const CSS_ESCAPE = /\\(?:([0-9a-f]{1,6})[ \t\r\n\f]?|(\r\n|[\n\r\f])|([^\n\r\f]))/gi;

/**
 * It is read in the window of the frame, whose policy lets mail have styles; the page's own would take them away. The
 * fragment belongs to that window's document.
 */
export function safeMail(html: string, allowsRemote: boolean, frame: Window & typeof globalThis): SafeMail {
  const root = DOMPurify(frame).sanitize(html, {
    WHOLE_DOCUMENT: true,
    RETURN_DOM: true,
    FORBID_TAGS: FORBIDDEN,
    FORBID_ATTR: ['ping', 'srcset', 'formaction', 'action', 'autofocus', 'contenteditable', 'tabindex', 'accesskey'],
    ALLOW_DATA_ATTR: false,
  });
  if (!(root instanceof frame.HTMLElement)) throw new Error('the message was not read as HTML');
  const hasColours = /\b(bg)?color\s*[:=]|background/i.test(html);
  const hasRemote = tame(root, allowsRemote);
  const fragment = root.ownerDocument.createDocumentFragment();
  fragment.append(...root.querySelectorAll('head style'));
  const body = root.querySelector('body');
  if (body !== null) fragment.append(...body.childNodes);
  const paper = body?.getAttribute('bgcolor');
  const bodyStyle = `${paper ? `background-color: ${paper};` : ''}${body?.getAttribute('style') ?? ''}`;
  const inlineImages = [...fragment.querySelectorAll<HTMLImageElement>('img[src^="cid:" i]')].map((image) => {
    const cid = decoded((image.getAttribute('src') ?? '').slice(4));
    image.removeAttribute('src');
    return { image, cid };
  });
  return { fragment, bodyStyle, hasRemote, hasColours, inlineImages };
}

function tame(root: HTMLElement, allowsRemote: boolean): boolean {
  let hasRemote = false;
  for (const element of root.querySelectorAll<HTMLElement>('[src], [background], [poster]'))
    for (const name of ['src', 'background', 'poster']) {
      if (!REMOTE.test(element.getAttribute(name) ?? '')) continue;
      hasRemote = true;
      if (!allowsRemote) element.removeAttribute(name);
    }
  for (const element of root.querySelectorAll<HTMLElement>('[style]')) {
    const style = localStyle(element.getAttribute('style') ?? '');
    if (style === undefined) continue;
    hasRemote = true;
    if (!allowsRemote) element.setAttribute('style', style);
  }
  for (const sheet of root.querySelectorAll('style')) {
    const css = localStyle(sheet.textContent ?? '');
    if (css === undefined) continue;
    hasRemote = true;
    if (!allowsRemote) sheet.textContent = css;
  }
  return hasRemote;
}

/** Without what is elsewhere, also where it is spelled with escapes; undefined when nothing is. */
function localStyle(css: string): string | undefined {
  const plain = css.replace(CSS_ESCAPE, (_, code?: string, lineEnd?: string, character?: string) => {
    if (code !== undefined) return characterOf(Number.parseInt(code, 16));
    return lineEnd === undefined ? (character ?? '') : '';
  });
  const local = plain.replace(REMOTE_STYLES, 'none');
  return local === plain ? undefined : local;
}

function characterOf(code: number): string {
  return code === 0 || code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code);
}
