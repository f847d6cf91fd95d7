/** The page by somebody without a mouse: nothing here clicks, and no element is given the focus but by keys. */
import { expect, test } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { skipWithout } from '../harness/requirement.ts';
import { hasChromium, WebHome } from '../harness/web-home.ts';
import { tabTo } from '../harness/web-keys.ts';

const TIMEOUT_MS = 300_000;
const SLOW_MS = 60_000;

// It needs a browser to look at a page with.
test.skipIf(skipWithout(hasChromium(), { test: 'the page by keys alone', lack: 'there is no chromium' }))(
  'by keys alone a person signs in, reads, replies with a file, labels, searches, sets things and signs out',
  async () => {
    await using home = await WebHome.open();
    const address = await home.person('alice');
    const bob = await home.person('bob');
    await home.as(bob, 'send', '--to', address, '--subject', 'the garden', '--body', 'Which seeds shall I buy?');
    const { context, page } = await home.visit(address);
    const keys = page.keyboard;

    await tabTo(page, /^Address/);
    await keys.type(address);
    await tabTo(page, /^Password/);
    await keys.type(PASSWORD.RESTANTE_PASSWORD);
    await keys.press('Enter');
    const row = page.locator('[data-position] a', { hasText: 'the garden' });
    await row.waitFor({ timeout: SLOW_MS });

    await keys.press('o');
    await page.getByRole('article').getByText('Which seeds shall I buy?').waitFor();
    await keys.press('r');
    const letter = page.getByRole('dialog', { name: 'Re: the garden' });
    await letter.waitFor();
    await keys.type('Beans. The list is attached.');
    // Asked for long before the key: the browser has to be told that somebody else chooses.
    const choosing = page.waitForEvent('filechooser');
    await tabTo(page, /^Attach files$/);
    await keys.press('Enter');
    // The system's own dialog has keys of its own.
    await (await choosing).setFiles({ name: 'seeds.txt', mimeType: 'text/plain', buffer: Buffer.from('beans\n') });
    await letter.getByRole('button', { name: 'Remove seeds.txt' }).waitFor();
    await letter.getByRole('progressbar').waitFor({ state: 'detached' });
    await keys.press('Control+Enter');
    await letter.waitFor({ state: 'detached' });
    await page.getByText('Sending in some seconds').waitFor();

    await tabTo(page, /^New label$/);
    await keys.press('Enter');
    await keys.type('outdoors');
    await keys.press('Enter');
    await page.getByRole('link', { name: 'outdoors' }).waitFor();
    await keys.press('l');
    await page.getByRole('menu').waitFor();
    await keys.press('ArrowDown');
    await keys.press('Enter');
    await page.getByText('Labelled outdoors').waitFor();
    await keys.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });

    // In the list it is for the mail that the cursor is on.
    await keys.press('u');
    await page.getByRole('article').waitFor({ state: 'detached' });
    await keys.press('l');
    await page.getByRole('menuitemcheckbox', { name: 'outdoors', checked: true }).waitFor();
    await keys.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });

    await keys.press('/');
    await keys.type('from:bob seeds');
    await keys.press('Enter');
    await page.locator('mark', { hasText: 'seeds' }).first().waitFor();

    await tabTo(page, /^Settings$/);
    await keys.press('Enter');
    const settings = page.getByRole('dialog', { name: 'Settings' });
    await tabTo(page, /^Dark$|^Like the device$/);
    await keys.press('ArrowDown');
    await keys.press('ArrowDown');
    await expect.poll(() => page.evaluate('document.documentElement.dataset.theme'), { timeout: SLOW_MS }).toBe('dark');
    await keys.press('Escape');
    await settings.waitFor({ state: 'detached' });

    const { page: other } = await home.signIn(bob);
    await other.locator('[data-position] a', { hasText: 'Re: the garden' }).first().waitFor({ timeout: SLOW_MS });
    await tabTo(page, /^Sign out$/);
    await keys.press('Enter');
    await page.getByLabel('Address').waitFor();
    await context.close();
  },
  TIMEOUT_MS,
);
