/** What is written where there is no network, no hub or no window any more: kept, shown, sent once, and gone when it should be. */
import { text } from 'node:stream/consumers';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { sealedRecords } from '../harness/web-database.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import type { WebHome, WebUser } from '../harness/web-home.ts';
import { row, send, signInAt, write } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

/** The machine is busy. */
const ARRIVAL_MS = 60_000;

interface Two {
  readonly author: string;
  /** Who gets what the author writes, with the page open. */
  readonly reader: WebUser;
}

const test = ofHome.extend('two', { scope: 'file' }, async ({ home }): Promise<Two> => {
  const author = await home.person('author');
  return { author, reader: await home.signIn(await home.person('reader')) };
});

const waiting = (page: Page, subject: string): Locator =>
  page.getByRole('list', { name: 'Waiting to be sent' }).getByRole('listitem').filter({ hasText: subject });

/** Of the subject among what has come. Asked of the hub, so that a list that is late does not look like one. */
async function arrivals(home: WebHome, address: string, subject: string): Promise<number> {
  const query = ['Email/query', { accountId: 'encrypted', filter: { inMailbox: 'inbox', subject } }, '0'];
  const [{ ids }] = await home.call<[{ ids: string[] }]>(address, [query]);
  return ids.length;
}

/** The page is at hand without a network once its service worker has it. */
async function signInWithWorker(home: WebHome, address: string): Promise<WebUser> {
  const user = await home.signIn(address, { serviceWorkers: 'allow', sendsAtOnce: true });
  await user.page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
  await user.page.reload();
  await user.page.getByRole('button', { name: 'Compose' }).first().waitFor();
  return user;
}

/** Keeps what the page asks the browser to wake it for: a browser that has a network forgets it at once. */
const KEEP_TAGS = `
  globalThis.askedTags = [];
  const { register } = SyncManager.prototype;
  SyncManager.prototype.register = function (tag) {
    askedTags.push(tag);
    return register.call(this, tag);
  };`;

/** What the browser does for a page that has asked for it, once there is a network. */
async function sync(page: Page, tag: string): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const registrationId = await new Promise<string>((resolve, reject) => {
    devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => {
      if (first !== undefined) resolve(first.registrationId);
    });
    devtools.send('ServiceWorker.enable').catch(reject);
  });
  const { origin } = new URL(page.url());
  await devtools.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId, tag, lastChance: false });
  await devtools.detach();
}

async function goOffline({ context, page }: { context: BrowserContext; page: Page }): Promise<void> {
  await context.setOffline(true);
  await page.getByText('You are offline.').waitFor();
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('what is written in the page', () => {
  test('without a network waits sealed in the list, outlives its window, and is sent once', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await signInWithWorker(home, author);
    const second = await context.newPage();
    await second.goto(home.web);
    await signInAt(second, author);
    await goOffline({ context, page });
    await send(page, { to: reader.address, subject: 'from the train', text: 'Back at nine.' });
    await waiting(page, 'from the train').getByText(`To ${reader.address}: waiting to be sent`).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    const kept = await sealedRecords(page, `restante-letters ${author}`);
    expect(kept.length).toBeGreaterThan(100);
    expect(`${kept}${await page.evaluate<string>('JSON.stringify({ ...localStorage })')}`).not.toMatch(/nine|train/);

    // Both windows have it after they are loaded again; only one of them may send it.
    for (const window of [page, second]) {
      await window.reload();
      await waiting(window, 'from the train').waitFor();
    }
    await context.setOffline(false);
    await row(reader.page, 'from the train').waitFor({ timeout: ARRIVAL_MS });
    for (const window of [page, second]) await waiting(window, 'from the train').waitFor({ state: 'detached' });
    // What is sent later comes later: a second copy would be here by then.
    await send(page, { to: reader.address, subject: 'after the train', text: 'Home.' });
    await row(reader.page, 'after the train').waitFor({ timeout: ARRIVAL_MS });
    expect(await arrivals(home, reader.address, 'from the train')).toBe(1);
    await context.close();
  });

  test('is sent once, though the answer to its sending is lost', async ({ home, two: { author, reader } }) => {
    const { context, page } = await home.signIn(author, { sendsAtOnce: true });
    let lost = 0;
    await page.route('**/jmap/api', async (route) => {
      const isSending = (route.request().postData() ?? '').includes('EmailSubmission/set');
      if (!isSending || lost++ > 0) return route.continue();
      await route.fetch(); // the hub does it, and nobody hears of it
      await route.abort('connectionreset');
    });
    await send(page, { to: reader.address, subject: 'once only', text: 'and no more' });
    await row(reader.page, 'once only').waitFor({ timeout: ARRIVAL_MS });
    await send(page, { to: reader.address, subject: 'twice perhaps', text: 'no' });
    await row(reader.page, 'twice perhaps').waitFor({ timeout: ARRIVAL_MS });
    expect(lost).toBeGreaterThan(0);
    expect(await arrivals(home, reader.address, 'once only')).toBe(1);
    await page.getByRole('link', { name: /^Sent/ }).click();
    await row(page, 'once only').waitFor();
    await page.getByRole('link', { name: /^Drafts/ }).click();
    await page.getByText('Nothing here').waitFor();
    await context.close();
  });

  test('while it waits is written on or discarded, and asked about before signing out', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await signInWithWorker(home, author);
    await goOffline({ context, page });
    await send(page, { to: reader.address, subject: 'a first thought', text: 'hm' });
    await send(page, { to: reader.address, subject: 'a bad thought', text: 'grr' });
    await waiting(page, 'a bad thought').getByRole('button', { name: 'Discard' }).click();
    await waiting(page, 'a bad thought').waitFor({ state: 'detached' });
    await waiting(page, 'a first thought').getByRole('button', { name: 'Edit' }).click();
    const letter = page.getByRole('dialog', { name: 'a first thought' });
    await letter.getByLabel('Message', { exact: true }).fill('a second thought');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await waiting(page, 'a first thought').waitFor();

    const asked: string[] = [];
    page.once('dialog', (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect.poll(() => asked.join(), { timeout: 10_000 }).toContain('only on this device');
    await waiting(page, 'a first thought').waitFor();
    await context.setOffline(false);
    await row(reader.page, 'a second thought').waitFor({ timeout: ARRIVAL_MS });
    expect(await arrivals(home, reader.address, 'a bad thought')).toBe(0);

    await goOffline({ context, page });
    await send(page, { to: reader.address, subject: 'lost on purpose', text: 'bye' });
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Address').waitFor();
    expect(await page.evaluate<object[]>('indexedDB.databases()')).toEqual([]);
    await context.close();
  });

  test('is not lost with a killed hub, nor what is attached to it', async ({ home, two: { author, reader } }) => {
    const { context, page } = await signInWithWorker(home, author);
    await home.crash(async () => {
      await page.getByText('The hub does not answer.').waitFor();
      await write(page, { to: reader.address, subject: 'the minutes', text: 'They are attached.' });
      await page
        .locator('.composer input[type=file]')
        .setInputFiles({ name: 'minutes.txt', mimeType: 'text/plain', buffer: Buffer.from('All agreed.') });
      await page.getByText('minutes.txt').waitFor();
      await page.getByText('Kept on this device').waitFor();
      await page.reload();
      await page.getByText('A message that you were writing is here again.').waitFor();
      await page.getByRole('dialog', { name: 'the minutes' }).getByText('minutes.txt').waitFor();
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await waiting(page, 'the minutes').waitFor();
    });
    await row(reader.page, 'the minutes').click({ timeout: ARRIVAL_MS });
    const saving = reader.page.waitForEvent('download');
    await reader.page.getByRole('button', { name: /minutes\.txt/ }).click();
    const stream = await (await saving).createReadStream();
    expect(await text(stream)).toBe('All agreed.');
    await context.close();
  });

  test('goes as soon as the browser says that there is a network, however long the page would have waited', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await signInWithWorker(home, author);
    await page.addInitScript(KEEP_TAGS);
    await page.clock.install();
    await page.reload();
    await page.getByRole('button', { name: 'Compose' }).first().waitFor();
    await home.crash(async () => {
      await page.getByText('The hub does not answer.').waitFor();
      await send(page, { to: reader.address, subject: 'woken', text: 'up' });
      await waiting(page, 'woken').waitFor();
      await page.waitForFunction("askedTags.includes('restante-outbox')");
      // From here on the page tries nothing by itself: its clock stands.
      await page.clock.pauseAt(await page.evaluate<number>('Date.now() + 60_000'));
    });
    expect(await waiting(page, 'woken').count()).toBe(1);
    await sync(page, 'restante-outbox');
    await page.getByText('The hub does not answer.').waitFor({ state: 'detached', timeout: ARRIVAL_MS });
    await page.clock.resume();
    await row(reader.page, 'woken').waitFor({ timeout: ARRIVAL_MS });
    await waiting(page, 'woken').waitFor({ state: 'detached' });
    await context.close();
  });

  test('goes at once when the device wakes from sleep, however late the hub wanted to be asked again', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await home.visit(author, { sendsAtOnce: true });
    await page.clock.install();
    await page.reload();
    await signInAt(page, author);
    let refused = 0;
    await page.route('**/jmap/api', (route) => {
      if (!(route.request().postData() ?? '').includes('EmailSubmission/set')) return route.continue();
      refused++;
      const headers = { 'retry-after': '3600' };
      return route.fulfill({ status: 503, headers, json: { code: 'busy', detail: 'much is under way' } });
    });
    await send(page, { to: reader.address, subject: 'slept over', text: 'Good morning.' });
    await waiting(page, 'slept over').waitFor();
    await expect.poll(() => refused, { timeout: ARRIVAL_MS }).toBe(1);
    await page.unroute('**/jmap/api');
    // The lid is closed for less than it would have waited, and than after which a silent line is taken for dead.
    const looked = page.waitForRequest('**/.well-known/jmap');
    await page.clock.fastForward(60_000);
    await looked;
    await row(reader.page, 'slept over').waitFor({ timeout: ARRIVAL_MS });
    await waiting(page, 'slept over').waitFor({ state: 'detached' });
    await context.close();
  });

  test('belongs to one window: another one does not open what is being written', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await home.signIn(author, { sendsAtOnce: true });
    await write(page, { to: reader.address, subject: 'in one window', text: 'only here' });
    await expect.poll(() => sealedRecords(page, `restante-letters ${author}`), { timeout: 10_000 }).not.toBe('');
    const other = await context.newPage();
    await other.goto(home.web);
    await signInAt(other, author);
    expect(await other.getByRole('dialog').count()).toBe(0);
    expect(await page.getByRole('dialog', { name: 'in one window' }).count()).toBe(1);
    // Also after the hub had it once, and it was written on.
    await page.getByText('Saved', { exact: true }).waitFor();
    await page.getByRole('dialog').getByLabel('Message', { exact: true }).fill('only here, and more');
    await expect.poll(() => sealedRecords(page, `restante-letters ${author}`), { timeout: 10_000 }).not.toBe('');
    const third = await context.newPage();
    await third.goto(home.web);
    await signInAt(third, author);
    expect(await third.getByRole('dialog').count()).toBe(0);
    await page.getByRole('button', { name: 'Discard draft' }).click();
    await context.close();
  });

  test('can be had back at once when it is discarded, though its draft is still on its way', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await home.signIn(author, { sendsAtOnce: true });
    const saving = page.waitForRequest((request) => (request.postData() ?? '').includes('"draft":'));
    // As on a line that has just gone: the hub's answer never comes.
    await page.route('**/jmap/api', (route) =>
      (route.request().postData() ?? '').includes('"draft":') ? undefined : route.continue(),
    );
    await write(page, { to: reader.address, subject: 'by mistake', text: 'an hour of work' });
    await saving;
    await page.getByRole('button', { name: 'Discard draft' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    const letter = page.getByRole('dialog', { name: 'by mistake' });
    expect(await letter.getByLabel('Message', { exact: true }).inputValue()).toBe('an hour of work');
    await context.close();
  });

  test('is written on where the browser has no room for it, and is not gone with the button that sends it', async ({
    home,
    two: { author, reader },
  }) => {
    const { context, page } = await home.signIn(author, { sendsAtOnce: true });
    await page.evaluate(`IDBObjectStore.prototype.put = () => {
          throw new DOMException('the disk is full', 'QuotaExceededError');
        }`);
    await write(page, { to: reader.address, subject: 'too much', text: 'every word of it' });
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('Not sent: the disk is full').waitFor();
    const letter = page.getByRole('dialog', { name: 'too much' });
    expect(await letter.getByLabel('Message', { exact: true }).inputValue()).toBe('every word of it');
    await context.close();
  });
});
