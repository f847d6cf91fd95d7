/** The page in a window that stays open: its line to the hub, its parts and words, and what of one person is left to the next. */
import type { Request, Route } from 'playwright-core';
import { describe, expect } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { closeSettings, mail, openSettings, row, signInAt } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

/** Somebody's first login at a hub, on a machine that is busy. */
const SLOW_MS = 60_000;
/** As seldom as browsers let timers go in a window that is long out of sight. */
const THROTTLED_MS = 60_000;

interface Slot {
  readonly id: string;
  readonly createdAt: number;
}

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

  test('is signed out by another one of the same person, says why, and the other goes on', async ({
    alice: address,
    home,
  }) => {
    const { context, page } = await home.signIn(address);
    const { context: elsewhere, page: other } = await home.signIn(address);
    await home.fill(address, [mail('read in both')]);
    for (const window of [page, other]) await row(window, 'read in both').waitFor();
    await openSettings(page, 'Devices');
    const slotId = await other.evaluate("JSON.parse(sessionStorage.getItem('restante.login')).slotId");
    const slots = await home.asker(address)<readonly Slot[]>('/hub/slots');
    // The newest is the first of the list that can be revoked.
    expect(slots.toSorted((a, b) => b.createdAt - a.createdAt)[0]?.id).toBe(slotId);
    const sessions = page.getByRole('tabpanel').getByRole('list').nth(1);
    const revoking = sessions.getByRole('button', { name: /^Revoke Mail page/ });
    const before = await revoking.count();
    await revoking.first().click();
    await other.getByText('You were signed out: the session has ended or was revoked.').waitFor();
    expect(await row(other, 'read in both').count()).toBe(0);
    expect(await other.evaluate("sessionStorage.getItem('restante.login')")).toBe(null);
    await expect.poll(() => revoking.count(), { timeout: SLOW_MS }).toBe(before - 1);
    await closeSettings(page);
    await home.fill(address, [mail('read in one')]);
    await row(page, 'read in one').waitFor();
    await signInAt(other, address);
    await row(other, 'read in one').waitFor();
    await elsewhere.close();
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

  test('asks more and more seldom what is refused for now, as late as it is told to, and at once when its line is new', async ({
    alice: address,
    home,
  }) => {
    const { context, page } = await home.visit(address);
    await page.clock.install();
    await page.reload();
    await signInAt(page, address);
    let retryAfter: string | undefined;
    let asked = 0;
    let answered = 0;
    const isList = (request: Request): boolean => (request.postData() ?? '').includes('"inMailbox":"archive"');
    await page.route('**/jmap/api', async (route) => {
      if (!isList(route.request())) return route.continue();
      asked++;
      const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
      await route.fulfill({ status: 503, headers, json: { code: 'busy', detail: 'much is under way' } });
      answered++;
    });
    await page.getByRole('link', { name: /^Archive/ }).click();
    await expect.poll(() => asked, { timeout: SLOW_MS }).toBe(1);
    // Later than the page is when it is told to: until it hears of it, its clock runs on.
    await page.clock.pauseAt(await page.evaluate<number>('Date.now() + 5_000'));
    await expect.poll(() => answered, { timeout: SLOW_MS }).toBe(asked);
    const pass = async (seconds: number): Promise<void> => {
      for (let halves = 0; halves < 2 * seconds; halves++) {
        await page.clock.runFor(500);
        await expect.poll(() => answered, { timeout: SLOW_MS }).toBe(asked);
      }
    };
    await pass(15);
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(7);
    retryAfter = '30';
    const before = asked;
    while (asked === before) await pass(1);
    await pass(25);
    expect(asked).toBe(before + 1);
    // It is opened anew when there is a network again, and then nothing waits any more.
    await page.evaluate("dispatchEvent(new Event('online'))");
    await expect.poll(() => asked, { timeout: SLOW_MS }).toBe(before + 2);
    await context.close();
  });

  test('keeps nothing of what the hub tells just as somebody signs out', async ({ alice: address, home }) => {
    const { context, page } = await home.visit(address);
    await page.clock.install();
    await page.reload();
    await signInAt(page, address);
    await page.clock.pauseAt(await page.evaluate<number>('Date.now() + 5_000'));
    // What has changed is looked at when the next changes have had time to come, and that time stands still.
    const reopened = page.waitForResponse((response) => response.url().includes('/jmap/eventsource'));
    await page.evaluate("dispatchEvent(new Event('online'))");
    await reopened;
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Address').waitFor();
    await page.clock.runFor(1_000);
    expect(await page.evaluate<number>('sessionStorage.length')).toBe(0);
    await context.close();
  });

  test('has the parts of its own build after the hub was upgraded', async ({ alice: address, home }) => {
    const { context, page } = await home.visit(address, { serviceWorkers: 'allow' });
    // As what an older build has left: parts that its windows have not needed yet, and that the hub has no more.
    await page.evaluate(`(async () => {
      await navigator.serviceWorker.ready;
      for (const [build, part] of [['older', '/assets/older-1.js'], ['old', '/assets/old-1.js']])
        await (await caches.open('restante-page-' + build)).put(part, new Response('export default 1;'));
      await (await navigator.serviceWorker.ready).unregister();
    })()`);
    const partOf = (name: string): Promise<number> =>
      page.evaluate<number>(`fetch('/assets/${name}.js').then(({ status }) => status)`);
    const reload = async (): Promise<void> => {
      await page.reload();
      const isServed = (): Promise<boolean> => page.evaluate('navigator.serviceWorker.controller !== null');
      await expect.poll(isServed, { timeout: SLOW_MS }).toBe(true);
    };
    await reload();
    const hasOlder = (): Promise<boolean> => page.evaluate("caches.has('restante-page-older')");
    await expect.poll(hasOlder, { timeout: SLOW_MS }).toBe(false);
    expect(await partOf('old-1')).toBe(200);
    expect(await partOf('older-1')).toBe(404);
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
    // Also what goes wrong.
    await context.setOffline(true);
    await page.getByRole('tab', { name: 'Geräte' }).click();
    await page.getByText('Etwas ging schief: Der Hub antwortet nicht.').waitFor();
    await context.setOffline(false);
    await page.keyboard.press('Escape');
    for (const _ of ['made', 'refused']) {
      await page.getByRole('button', { name: 'Neues Label' }).click();
      await page.keyboard.type('Garten');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Garten' }).waitFor();
    }
    await page.getByText('Ein Label Garten gibt es schon.').waitFor();
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
