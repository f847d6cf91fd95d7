/** People of two homes, each at their own page: what goes between them, and what is seen of it while one home is away. */
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { WebHome } from '../harness/web-home.ts';
import { row, send } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

/** Somebody's first login at a hub, or a home that was away and is tried again, on a machine that is busy. */
const SLOW_MS = 90_000;

async function answer(page: Page, text: string): Promise<void> {
  await page.keyboard.press('r');
  await page.getByRole('dialog').getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Control+Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

// It needs a browser to look at the page with.
describe.skipIf(LACKS_CHROMIUM)('people of two homes', () => {
  test('write to each other in one conversation, protected at both ends, and what is sent while one home is away goes by itself', async ({
    home: north,
  }) => {
    await using south = await WebHome.open();
    const [alice, bob] = [await north.person('alice'), await south.person('bob')];
    const { page: hers } = await north.signIn(alice, { sendsAtOnce: true });
    const { page: his } = await south.signIn(bob, { sendsAtOnce: true });

    await send(hers, { to: bob, subject: 'over the water', text: 'A boat for you.' });
    await row(his, 'over the water').click({ timeout: SLOW_MS });
    await his.getByRole('article').getByText('A boat for you.').waitFor();
    const lock =
      /How this message is protected: Encrypted and signed; the key is in the public log of the sender’s home/;
    await his.getByLabel(lock).first().waitFor({ timeout: SLOW_MS });
    await answer(his, 'And oars for you.');
    await row(hers, 'over the water').click({ timeout: SLOW_MS });
    await hers.getByRole('article').getByText('And oars for you.').waitFor({ timeout: SLOW_MS });
    await expect.poll(() => hers.getByRole('article').count()).toBe(2);

    await south.crash(async () => {
      await answer(hers, 'They are long.');
      await hers.getByRole('article').getByText('They are long.').waitFor({ timeout: SLOW_MS });
    });
    // Nobody does anything: the homes and the page try again.
    await his.getByText('They are long.').first().waitFor({ timeout: SLOW_MS });
    await Promise.all([hers, his].map((page) => page.context().close()));
  });
});
