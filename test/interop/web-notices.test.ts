/** What the page says of what was just done, and where: nothing that people press is under it. */
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { closeSettings, mail, openSettings, row, signInAt } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

/** As the page has it, and longer than this test takes. */
const SHOWN_MS = { inPage: 8_000, here: 600_000 };
const STAY = `{
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (work, ms, ...args) =>
    setTimeout(work, ms === ${SHOWN_MS.inPage} ? ${SHOWN_MS.here} : ms, ...args);
}`;

/** What could be pressed at the points of a notice if it were not there; and whether there is one. */
const UNDER = `(() => {
  const under = new Set();
  const notices = [...document.querySelectorAll('.notice')];
  for (const notice of notices) {
    const { bottom, left, right, top } = notice.getBoundingClientRect();
    for (let x = left + 1; x < right; x += 6)
      for (let y = top + 1; y < bottom; y += 6)
        for (const element of document.elementsFromPoint(x, y)) {
          const pressed = element.closest('a, button, input, select, textarea, [role="menuitem"]');
          if (pressed !== null && pressed.closest('.notice') === null) under.add(pressed.outerHTML.slice(0, 120));
        }
  }
  return { notices: notices.length, under: [...under] };
})()`;

async function showsAll(page: Page): Promise<void> {
  // What opens and makes room does so in a moment.
  await expect.poll(() => page.evaluate(UNDER), { timeout: 10_000 }).toEqual({ notices: 1, under: [] });
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('what is said of what was done', () => {
  test('covers nothing that people press, in a window or on a phone', async ({ home }) => {
    const address = await home.person('alice');
    const subjects = Array.from({ length: 30 }, (_, index) => `letter ${index}`);
    await home.fill(
      address,
      subjects.map((subject) => mail(subject)),
    );
    const { context, page } = await home.visit(address);
    await context.addInitScript(STAY);
    await page.reload();
    await signInAt(page, address);
    await row(page, 'letter').waitFor();
    await page.keyboard.press('e');
    await page.getByText('Archived', { exact: true }).waitFor();
    await showsAll(page);
    await page.keyboard.press('o');
    await page.getByRole('article').waitFor();
    await showsAll(page);
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog', { name: 'New message' });
    await letter.waitFor();
    await showsAll(page);
    await page.keyboard.press('Escape');
    await letter.waitFor({ state: 'detached' });
    await openSettings(page, 'Devices');
    await showsAll(page);
    await closeSettings(page);

    await page.setViewportSize({ width: 390, height: 844 });
    await showsAll(page);
    await page.keyboard.press('c');
    await letter.waitFor();
    await showsAll(page);
    await page.keyboard.press('Escape');
    await letter.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Back to the list' }).click();
    await showsAll(page);
    await page.getByRole('button', { name: 'Menu' }).click();
    await showsAll(page);
    await openSettings(page, 'Devices');
    await showsAll(page);
    await closeSettings(page);
    await context.close();
  });
});
