/** The page in a window that stays open: its line to the hub, its parts and words, and what of one person is left to the next. */
import type { Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { skipWithout } from '../harness/requirement.ts';
import { hasChromium, WebHome } from '../harness/web-home.ts';

const TIMEOUT_MS = 300_000;
/** Somebody's first login at a hub, on a machine that is busy. */
const SLOW_MS = 60_000;
/** As seldom as browsers let timers go in a window that is long out of sight. */
const THROTTLED_MS = 60_000;

// It needs a browser to look at a page with.
describe.skipIf(skipWithout(hasChromium(), { test: 'the line of the page', lack: 'there is no chromium' }))(
  'a window that stays open',
  () => {
    let home: WebHome;

    beforeAll(async () => {
      home = await WebHome.open();
    }, TIMEOUT_MS);

    afterAll(async () => {
      await home[Symbol.asyncDispose]();
    }, TIMEOUT_MS);

    test(
      'is not taken for a device that has slept when it is only out of sight',
      async () => {
        const address = await home.person('alice');
        const { context, page } = await home.visit(address);
        page.setDefaultTimeout(SLOW_MS);
        await page.clock.install();
        await page.reload();
        await page.getByLabel('Address').fill(address);
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('button', { name: 'Compose' }).first().waitFor();
        const lines: string[] = [];
        page.on('request', (request) => {
          if (request.url().includes('/.well-known/jmap')) lines.push(request.url());
        });
        const come = async (subject: string): Promise<void> => {
          await home.fill(address, [{ raw: `From: Carol <c@x.example>\nSubject: ${subject}\n\nwords\n` }]);
          await page.locator('[data-position] a', { hasText: subject }).first().waitFor();
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
      },
      TIMEOUT_MS,
    );

    test(
      'that was signed out and signed in again is not signed out by answers to what was asked before',
      async () => {
        const address = await home.person('again');
        const { context, page } = await home.signIn(address);
        const late: Route[] = [];
        let isHolding = true;
        await page.route('**/jmap/api', (route) => (isHolding ? void late.push(route) : route.continue()));
        await home.fill(address, [{ raw: 'From: Carol <c@x.example>\nSubject: before\n\nwords\n' }]);
        await expect.poll(() => late.length, { timeout: 30_000 }).toBeGreaterThan(0);
        isHolding = false;
        const slots = Object.values(await home.asker(address)('/hub/slots')) as { id: string; name: string }[];
        const window = slots.find(({ name }) => name.startsWith('Mail page in'));
        const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD.RESTANTE_PASSWORD}`).toString('base64')}`;
        await fetch(new URL(`/hub/slots/${window?.id}`, home.web), { method: 'DELETE', headers: { authorization } });
        await page.getByText('You were signed out').waitFor();
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.locator('[data-position] a', { hasText: 'before' }).waitFor();
        for (const route of late) await route.fulfill({ status: 401, json: { code: 'unauthorized' } });
        await home.fill(address, [{ raw: 'From: Carol <c@x.example>\nSubject: still here\n\nwords\n' }]);
        await page.locator('[data-position] a', { hasText: 'still here' }).waitFor();
        await context.close();
      },
      TIMEOUT_MS,
    );

    test(
      'says which part of it cannot be loaded, goes on without it, and has it when it can be',
      async () => {
        const address = await home.person('cut');
        const { context, page } = await home.signIn(address);
        let isCut = true;
        await page.route('**/assets/*.js', (route) => (isCut ? route.abort() : route.continue()));
        const said = page.getByText('This part of the page cannot be loaded now.');
        await page.getByRole('button', { name: 'Settings' }).click();
        await said.waitFor();
        await page.getByRole('status').getByRole('button', { name: 'Close' }).click();
        await page.keyboard.press('c');
        await said.waitFor();
        isCut = false;
        await page.keyboard.press('c');
        await page.getByRole('dialog', { name: 'New message' }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'Settings' }).click();
        await page.getByRole('dialog', { name: 'Settings' }).waitFor();
        await context.close();
      },
      TIMEOUT_MS,
    );

    test(
      'says all of how complete it is in German, too, and its signs have room beside longer words',
      async () => {
        const address = await home.person('anna');
        const { context, page } = await home.visit(address, undefined, '', { locale: 'de-DE' });
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
      },
      TIMEOUT_MS,
    );

    test(
      'shows the next person nothing of what the one before has looked for',
      async () => {
        const [first, second] = [await home.person('first'), await home.person('second')];
        const { context, page } = await home.signIn(first);
        await page.keyboard.press('/');
        await page.keyboard.type('my diagnosis');
        await page.keyboard.press('Enter');
        await page.getByText('Nothing was found').waitFor();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByLabel('Address').fill(second);
        await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('heading', { name: 'Inbox' }).waitFor();
        expect(await page.getByRole('searchbox').inputValue()).toBe('');
        await context.close();
      },
      TIMEOUT_MS,
    );
  },
);
