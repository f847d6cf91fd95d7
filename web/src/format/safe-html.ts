/**
 * HTML mail made harmless: scripts, forms and everything that asks somebody else is taken out here, and what this would miss
 * the frame refuses (sandbox without scripts, a policy that lets it load nothing).
 */
import DOMPurify from 'dompurify';

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
const REMOTE_STYLE = /url\(\s*['"]?\s*(?:https?:)?\/\/[^)]*\)|@import[^;]+;?/i;
const REMOTE_STYLES = new RegExp(REMOTE_STYLE, 'gi');

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
    const cid = decodeURIComponent((image.getAttribute('src') ?? '').slice(4));
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
    const style = element.getAttribute('style') ?? '';
    if (!REMOTE_STYLE.test(style)) continue;
    hasRemote = true;
    if (!allowsRemote) element.setAttribute('style', style.replace(REMOTE_STYLES, 'none'));
  }
  for (const sheet of root.querySelectorAll('style')) {
    const css = sheet.textContent ?? '';
    if (!REMOTE_STYLE.test(css)) continue;
    hasRemote = true;
    if (!allowsRemote) sheet.textContent = css.replace(REMOTE_STYLES, 'none');
  }
  return hasRemote;
}
