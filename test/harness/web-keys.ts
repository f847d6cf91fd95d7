/** Going through a page as somebody does who has no mouse. */
import type { Page } from 'playwright-core';

/** More than any view of the page has to stop at. */
const STOPS_MAX = 150;

/** What a screen reader would call what has the focus, as far as the page's own elements need it. */
const NAME_OF_FOCUS = `(() => {
  const focused = document.activeElement;
  if (focused === null) return '';
  const label = focused.labels?.[0]?.textContent ?? '';
  return (focused.getAttribute('aria-label') ?? (label || focused.textContent) ?? '').replace(/\\s+/g, ' ').trim();
})()`;

/** Presses Tab until what is called so has the focus. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let stops = 0; stops < STOPS_MAX; stops++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>(NAME_OF_FOCUS);
    if (name.test(focused)) return;
    passed.push(focused);
  }
  throw new Error(`Tab never comes to ${name}, but to: ${[...new Set(passed)].join(' | ')}`);
}
