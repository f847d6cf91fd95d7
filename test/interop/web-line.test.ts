/** The page in a window that stays open: its line to the hub, its parts and words, and what of one person is left to the next. */
import type { Route } from 'playwright-core';
import { describe, expect } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { mail, row, signInAt } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

/** Somebody's first login at a hub, on a machine that is busy. */
const SLOW_MS = 60_000;
/** As seldom as browsers let timers go in a window that is long out of sight. */
const THROTTLED_MS = 60_000;

const test = ofHome.extend('alice', { scope: 'file' }, ({ home }) => home.person('alice'));

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('a window that stays open', () => {
  test('is not taken for a device that has slept when it is only out of sight', async ({ alice: address, home }) => {
    const { context, page } = await home.visit(address);
    page.setDefaultTimeout(SLOW_MS);
    await page.clock.install();
    await page.reload();
    await signInAt(page, address);
    const lines: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/.well-known/jmap')) lines.push(request.url());
    });
    const come = async (subject: string): Promise<void> => {
      await home.fill(address, [mail(subject)]);
      await row(page, subject).waitFor();
    };
    // What was heard just now: the line is not taken for dead either.
    await come('while it was seen');
    await page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })`,
    );
    await page.clock.fastForward(THROTTLED_MS);
    await come('while it was hidden');
    expect(lines).toEqual([]);

    await page.evaluate(`Object.defineProperty(document, 'visibilityState', { get: () => 'visible' })`);
    const looked = page.waitForRequest('**/.well-known/jmap');
    await page.clock.fastForward(THROTTLED_MS);
    await looked;
    await come('after the sleep');
    await context.close();
  });

  test('that was signed out and signed in again is not signed out by answers to what was asked before', async ({
    alice: address,
    home,
  }) => {
    const { context, page } = await home.signIn(address);
    const late: Route[] = [];
    let isHolding = true;
    await page.route('**/jmap/api', (route) => (isHolding ? void late.push(route) : route.continue()));
    await home.fill(address, [mail('before')]);
    await expect.poll(() => late.length, { timeout: 30_000 }).toBeGreaterThan(0);
    isHolding = false;
    const slotId = await page.evaluate("JSON.parse(sessionStorage.getItem('restante.login')).slotId");
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD.RESTANTE_PASSWORD}`).toString('base64')}`;
    await fetch(new URL(`/hub/slots/${slotId}`, home.web), { method: 'DELETE', headers: { authorization } });
    await page.getByText('You were signed out').waitFor();
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await row(page, 'before').waitFor();
    for (const route of late) await route.fulfill({ status: 401, json: { code: 'unauthorized' } });
    await home.fill(address, [mail('still here')]);
    await row(page, 'still here').waitFor();
    await context.close();
  });

  test('says which part of it cannot be loaded, goes on without it, and has it when it can be', async ({
    alice: address,
    home,
  }) => {
    const { context, page } = await home.signIn(address);
    let isCut = true;
    await page.route('**/assets/*.js', (route) => (isCut ? route.abort() : route.continue()));
    const said = page.getByText('This part of the page cannot be loaded now.');
    await page.getByRole('button', { name: 'Settings' }).click();
    await said.waitFor();
    const close = page.getByRole('status').getByRole('button', { name: 'Close' });
    await close.click();
    await page.keyboard.press('c');
    await said.waitFor();
    await close.click();
    isCut = false;
    await page.keyboard.press('c');
    await page.getByRole('dialog', { name: 'New message' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await context.close();
  });

  test('says all of how complete it is in German, too, and its signs have room beside longer words', async ({
    alice: address,
    home,
  }) => {
    const { context, page } = await home.visit(address, { locale: 'de-DE' });
    page.setDefaultTimeout(SLOW_MS);
    await page.getByLabel('Adresse').fill(address);
    await page.getByLabel('Passwort', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('button', { name: 'Einstellungen' }).click();
    await page.getByRole('tab', { name: 'Vollständigkeit' }).click();
    const panel = page.getByRole('tabpanel');
    await panel.getByText('Vollständig auf 1 von 1 Knoten').waitFor();
    expect(await panel.textContent()).not.toContain('complete');
    const widths = await page.locator('[role="tab"] svg').evaluateAll((all) => all.map((svg) => svg.clientWidth));
    expect(new Set(widths)).toEqual(new Set([18]));
    await context.close();
  });

  test('shows the next person nothing of what the one before has looked for', async ({ alice: first, home }) => {
    const second = await home.person('second');
    const { context, page } = await home.signIn(first);
    await page.keyboard.press('/');
    await page.keyboard.type('my diagnosis');
    await page.keyboard.press('Enter');
    await page.getByText('Nothing was found').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signInAt(page, second);
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    expect(await page.getByRole('searchbox').inputValue()).toBe('');
    await context.close();
  });
});
