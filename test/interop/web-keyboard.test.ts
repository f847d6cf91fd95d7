/** The page by somebody without a mouse: nothing here clicks, and no element is given the focus but by keys. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { tabTo } from '../harness/web-keys.ts';
import { row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const SLOW_MS = 60_000;

const focused = async (page: Page): Promise<string> =>
  (await page.evaluate<string>("document.activeElement?.textContent ?? ''")).trim();

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)(
  'by keys alone a person signs in, reads, replies with a file, labels, moves, searches, sets things and signs out',
  async ({ home }) => {
    const address = await home.person('alice');
    const bob = await home.person('bob');
    await home.as(bob, 'send', '--to', address, '--subject', 'the garden', '--body', 'Which seeds shall I buy?');
    const { context, page } = await home.visit(address, { sendsAtOnce: true });
    const keys = page.keyboard;

    await tabTo(page, /^Address/);
    await keys.type(address);
    await tabTo(page, /^Password/);
    await keys.type(PASSWORD.RESTANTE_PASSWORD);
    await keys.press('Enter');
    await row(page, 'the garden').waitFor({ timeout: SLOW_MS });

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
    await page.getByRole('article').first().waitFor({ state: 'detached' });
    await keys.press('l');
    await page.getByRole('menuitemcheckbox', { name: 'outdoors', checked: true }).waitFor();
    await keys.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });

    // To a folder by its name, and where it went.
    await tabTo(page, /^New label$/);
    await keys.press('Enter');
    await keys.type('shed');
    await keys.press('Enter');
    await page.getByRole('link', { name: 'shed' }).waitFor();
    await keys.press('v');
    await page.getByRole('menu').waitFor();
    await keys.type('she');
    await expect.poll(() => focused(page), { timeout: SLOW_MS }).toBe('shed');
    await keys.press('Enter');
    await page.getByText('Moved to shed').waitFor();
    await row(page, 'the garden').waitFor({ state: 'detached' });
    await tabTo(page, /^shed/);
    await keys.press('Enter');
    await page.getByRole('heading', { name: 'shed' }).waitFor();
    await row(page, 'the garden').waitFor();

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
    await row(other, 'Re: the garden').waitFor({ timeout: SLOW_MS });
    await tabTo(page, /^Sign out$/);
    await keys.press('Enter');
    await page.getByLabel('Address').waitFor();
    await context.close();
  },
);

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)(
  'links and details in a mail are followed and opened by Enter, and what closes leaves the focus where it came from',
  async ({ home }) => {
    const address = await home.person('kate');
    const html = '<p><a href="https://elsewhere.example/">there</a></p><details><summary>more</summary>words</details>';
    await home.fill(address, [
      { raw: `From: Carol <c@x.example>\nSubject: a link\nContent-Type: text/html\n\n${html}\n` },
      { raw: 'From: Dora <d@x.example>\nSubject: a quote\n\nYes.\n\nOn Monday you wrote:\n> Shall we?\n' },
    ]);
    const { complaints, context, page } = await home.signIn(address);
    const keys = page.keyboard;
    // Nobody is asked for what stands elsewhere: it is only seen that somebody went there.
    await context.route('https://elsewhere.example/', (route) => route.fulfill({ body: 'there' }));

    await row(page, 'a quote').waitFor();
    await tabTo(page, /Dora.*a quote/);
    await keys.press('Enter');
    await page.getByRole('article').waitFor();
    await tabTo(page, /^Show quoted text$/);
    await keys.press('Enter');
    await page.getByText('Shall we?').waitFor();

    await tabTo(page, /^Back to the list$/);
    await tabTo(page, /^Archive$/);
    await keys.press('Enter');
    await page.getByRole('article').waitFor({ state: 'detached' });
    // The thread that was read has gone from the list; the next one has the focus.
    await expect.poll(() => focused(page), { timeout: SLOW_MS }).toContain('a link');
    await keys.press('Enter');
    const frame = page.frameLocator('iframe[data-filled="true"]');
    await frame.getByText('there').waitFor();
    const opened = context.waitForEvent('page');
    // Into the frame of the mail, whose first stop is the link.
    await tabTo(page, /^Message text$/);
    for (let stops = 0; stops < 20; stops++) {
      await keys.press('Tab');
      if ((await page.evaluate('document.activeElement?.tagName')) === 'IFRAME') break;
    }
    await keys.press('Enter');
    expect((await opened).url()).toBe('https://elsewhere.example/');
    await keys.press('Tab');
    await keys.press('Enter');
    await frame.getByText('words').waitFor();

    await keys.press('u');
    await page.getByRole('article').waitFor({ state: 'detached' });
    await expect.poll(() => focused(page), { timeout: SLOW_MS }).toContain('a link');
    for (const end of ['Escape', 'Control+Enter']) {
      await keys.press('c');
      await page.getByRole('dialog').waitFor();
      // Who is named twice gets it once.
      await keys.type(`${address},${address.toUpperCase()},`);
      await expect.poll(() => page.locator('.person').count(), { timeout: SLOW_MS }).toBe(1);
      await tabTo(page, /^Subject$/);
      await keys.type('to myself');
      await keys.press(end);
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await focused(page)).toContain('a link');
    }

    // Where there is room for one thing only, the focus is in what is shown.
    await page.setViewportSize({ width: 600, height: 800 });
    await keys.press('Enter');
    await page.getByRole('article').waitFor();
    const name = (): Promise<string> => page.evaluate("document.activeElement?.getAttribute('aria-label') ?? ''");
    await expect.poll(name, { timeout: SLOW_MS }).toBe('Message text');
    await keys.press('u');
    await expect.poll(() => focused(page), { timeout: SLOW_MS }).toContain('a link');
    await tabTo(page, /^Menu$/);
    await keys.press('Enter');
    await expect.poll(() => focused(page), { timeout: SLOW_MS }).toContain('Inbox');
    await keys.press('Escape');
    await expect.poll(name, { timeout: SLOW_MS }).toBe('Menu');
    await keys.press('Enter');
    await tabTo(page, /^Sent/);
    await keys.press('Enter');
    await page.getByRole('heading', { name: 'Sent' }).waitFor();
    await expect.poll(name, { timeout: SLOW_MS }).toBe('Menu');
    expect(complaints).toEqual([]);
    await context.close();
  },
);
