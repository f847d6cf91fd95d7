/** The list of the page while mail comes and goes: what is done is done to what somebody sees, and they stay where they are. */
import { describe, expect } from 'vitest';
import type { WebHome } from '../harness/web-home.ts';
import { mail, row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const SOON = { timeout: 30_000 };
/** More than are in sight at once, and few enough for one page of the list. */
const LONG = 40;
/** A list that waits until nothing comes any more would wait for all of them. */
const FLOOD = 60;

/** Subjects by the role of where they are. */
async function filed(home: WebHome, address: string): Promise<Record<string, string[]>> {
  const ids = { resultOf: '0', name: 'Email/query', path: '/ids' };
  type Answers = [unknown, { list: { subject: string; mailboxIds: Record<string, true> }[] }];
  const [, { list }] = await home.call<Answers>(address, [
    ['Email/query', { accountId: 'encrypted' }, '0'],
    ['Email/get', { accountId: 'encrypted', '#ids': ids, properties: ['subject', 'mailboxIds'] }, '1'],
  ]);
  const places: Record<string, string[]> = {};
  for (const { mailboxIds, subject } of list)
    for (const id of Object.keys(mailboxIds)) places[id] = [...(places[id] ?? []), subject].sort();
  return places;
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('the list, while mail comes and goes', () => {
  test('does nothing to what has left it: mail that was taken out of the trash is not deleted with the rest', async ({
    home,
  }) => {
    const address = await home.person('saver');
    const subjects = ['taken out', 'left there', 'left there too'];
    await home.fill(
      address,
      subjects.map((subject) => ({ ...mail(subject), mailbox: 'trash' })),
    );
    const { context, page } = await home.signIn(address);
    await page.getByRole('link', { name: /^Trash/ }).click();
    await page.getByLabel('Select: taken out').check();
    await page.getByRole('button', { name: 'Move to Inbox' }).click();
    await row(page, 'taken out').waitFor({ state: 'detached' });
    await page.getByLabel('Select all shown').check();
    await page.getByText('2 selected').waitFor();
    page.once('dialog', (dialog) => void dialog.accept());
    await page.keyboard.press('#');
    await page.getByText('2 deleted for ever').waitFor();
    await expect.poll(() => filed(home, address), SOON).toEqual({ inbox: ['taken out'] });
    await context.close();
  });

  test('reads and files a conversation with what has come to it while it was open', async ({ home }) => {
    const address = await home.person('reader');
    await home.fill(address, [mail('a question', 'Message-ID: <question@x.example>\n')]);
    const { context, page } = await home.signIn(address);
    await row(page, 'a question').click();
    await page.getByRole('article').waitFor();
    const answers = 'Message-ID: <answer@x.example>\nIn-Reply-To: <question@x.example>\n';
    await home.fill(address, [mail('Re: a question', answers)]);
    await page.getByRole('article').nth(1).waitFor();
    await row(page, 'Re: a question').waitFor();
    // Somebody reads it where it stands.
    await page.locator('nav .count').waitFor({ state: 'detached' });
    await page.keyboard.press('e');
    await page.getByText('Archived').waitFor();
    await expect.poll(() => filed(home, address), SOON).toEqual({ archive: ['Re: a question', 'a question'] });
    await context.close();
  });

  test('shows what has come while more and more comes, over a slow line', async ({ home }) => {
    const address = await home.person('busy');
    const { context, page } = await home.signIn(address);
    let come = 0;
    const waiting: (() => void)[] = [];
    await page.route('**/jmap/api', async (route) => {
      const isList = (route.request().postData() ?? '').includes('collapseThreads');
      if (!isList) return route.continue();
      const answer = await route.fetch();
      // Something else has changed by the time that it is there.
      for (const enough = Math.min(FLOOD, come + 3); come < enough; )
        await new Promise<void>((resolve) => waiting.push(resolve));
      await route.fulfill({ response: answer });
    });
    const first = row(page, 'flood');
    while (come < FLOOD && (await first.count()) === 0) {
      await home.fill(address, [mail(`flood ${come++}`)]);
      for (const go of waiting.splice(0)) go();
    }
    expect(come).toBeLessThan(FLOOD);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  });

  test('keeps the keys and the focus on their thread, and what is looked at in sight', async ({ home }) => {
    const address = await home.person('watcher');
    const subjects = Array.from({ length: LONG }, (_, index) => `mail ${index}.`);
    await home.fill(
      address,
      subjects.map((subject) => mail(subject)),
    );
    const { context, page } = await home.signIn(address);
    await row(page, 'mail').waitFor();
    const focused = (): Promise<string> =>
      page.evaluate("/mail \\d+\\./.exec(document.activeElement?.textContent ?? '')?.[0] ?? ''");
    for (const key of ['j', 'j', 'j']) await page.keyboard.press(key);
    await expect.poll(focused, SOON).not.toBe('');
    const chosen = await focused();
    await home.fill(address, [mail('above them')]);
    await row(page, 'above them').waitFor();
    expect(await focused()).toBe(chosen);
    await page.keyboard.press('e');
    await row(page, chosen).waitFor({ state: 'detached' });
    await expect.poll(async () => (await filed(home, address)).archive, SOON).toEqual([chosen]);
    // The next one has them now.
    await expect.poll(focused, SOON).toMatch(/^mail/);

    const scroller = page.locator('section .scroller');
    const rowHeight = await page
      .locator('[data-position]')
      .first()
      .evaluate((element) => element.clientHeight);
    await scroller.evaluate((element, top) => element.scrollTo(0, top), 12 * rowHeight);
    const top = page.locator('[data-position="12"] a');
    await top.waitFor();
    const looked = await top.textContent();
    const placeOf = (): Promise<number | undefined> =>
      page
        .locator('[data-position]', { hasText: looked ?? '' })
        .boundingBox()
        .then((box) => box?.y);
    const place = await placeOf();
    await home.fill(address, [mail('out of sight')]);
    await page.locator('[data-position="13"]', { hasText: looked ?? '' }).waitFor();
    await expect.poll(placeOf, SOON).toBe(place);
    await context.close();
  });
});
