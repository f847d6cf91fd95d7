/** Who gets what is written in the page and who knows of it, what a reader asks for and keeps away, and all of it on a telephone. */
import type { CDPSession, Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { seriousViolations } from '../harness/web-faults.ts';
import { row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

/** Somebody's first login at a hub, on a machine that is busy. */
const SLOW_MS = 60_000;
const WITH_PICTURE = `From: Shop <news@shop.example>
Subject: a catalogue
Content-Type: text/html

<p>our roses</p><img src="https://shop.example/rose.png?who=alice" alt="a rose" width="20" height="20">
`;
const TELEPHONE = {
  viewport: { width: 390, height: 780 },
  isMobile: true,
  hasTouch: true,
  colorScheme: 'dark',
} as const;

const recipients = (page: Page): Promise<string[]> =>
  page
    .getByRole('dialog')
    .locator('.person')
    .evaluateAll((all) => all.map(({ title }) => String(title)));

/** What the browser itself reads of how the page is installed. */
async function manifestOf(devtools: CDPSession): Promise<{ readonly errors: unknown[]; readonly name: string }> {
  const { data, errors } = await devtools.send('Page.getAppManifest');
  return { errors, name: (JSON.parse(data ?? '{}') as { name: string }).name };
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('a letter', () => {
  test('reaches all whom it names, completed as they are typed; hidden ones are seen by nobody else, and answers go to all', async ({
    home,
  }) => {
    const [alice, bob] = [await home.person('alice'), await home.person('bob')];
    const [carol, dora] = [await home.person('carol'), await home.person('dora')];
    await home.as(bob, 'send', '--to', alice, '--subject', 'hello', '--body', 'It is me.');
    const { page } = await home.signIn(alice, { sendsAtOnce: true });
    await row(page, 'hello').waitFor();
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog');
    await letter.getByLabel('To', { exact: true }).pressSequentially('bo');
    await letter.getByRole('option', { name: bob }).waitFor();
    await page.keyboard.press('Enter');
    await letter.getByLabel('To', { exact: true }).fill(`${carol},`);
    await letter.getByRole('button', { name: 'Cc Bcc' }).click();
    await letter.getByLabel('Bcc').fill(dora);
    await letter.getByLabel('Subject').fill('the feast');
    await letter.getByLabel('Message', { exact: true }).fill('On Sunday, at mine.');
    await letter.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.waitFor({ state: 'detached' });

    const { page: hers } = await home.signIn(dora);
    await row(hers, 'the feast').click({ timeout: SLOW_MS });
    await hers.getByRole('article').getByText('On Sunday, at mine.').waitFor();
    const { page: his } = await home.signIn(bob, { sendsAtOnce: true });
    await row(his, 'the feast').click({ timeout: SLOW_MS });
    await his.getByText('In this conversation:').waitFor();
    expect(await his.getByText('In this conversation:').textContent()).toContain(carol);
    await his.getByRole('button', { name: 'More', exact: true }).or(his.getByLabel('Show details')).first().click();
    expect(await his.content()).not.toContain(dora);

    await his.keyboard.press('a');
    await his.getByRole('dialog', { name: 'Re: the feast' }).waitFor();
    expect((await recipients(his)).sort()).toEqual([alice, carol].sort());
    await his.getByLabel('Message', { exact: true }).fill('We shall come.');
    await his.keyboard.press('Control+Enter');
    await row(page, 'Re: the feast').click({ timeout: SLOW_MS });
    await page.getByRole('article').getByText('We shall come.').waitFor();
    await page.keyboard.press('f');
    await page.getByRole('dialog', { name: 'Fwd: Re: the feast' }).waitFor();
    expect(await recipients(page)).toEqual([]);
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toContain('We shall come.');
    await page.getByRole('button', { name: 'Discard draft' }).click();
    for (const one of [page, hers, his]) await one.context().close();
  });

  test('has its pictures from elsewhere when they are asked for, and no sender of what is junk comes to the inbox again', async ({
    home,
  }) => {
    const [ann, ben] = [await home.person('ann'), await home.person('ben')];
    const tell = (subject: string): Promise<unknown> =>
      home.as(ben, 'send', '--to', ann, '--subject', subject, '--body', 'Buy now.');
    await home.fill(ann, [{ raw: WITH_PICTURE }]);
    await tell('an offer');
    const { context, page, strangeRequests } = await home.signIn(ann);
    await context.route('https://shop.example/**', (route) =>
      route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }),
    );
    await row(page, 'a catalogue').click();
    await page.frameLocator('iframe[data-filled="true"]').getByText('our roses').waitFor();
    expect(strangeRequests).toEqual([]);
    const asked = context.waitForEvent('request', (request) => request.url().startsWith('https://shop.example/'));
    await page.getByRole('button', { name: 'Load them' }).click();
    expect((await asked).headers().referer).toBe(undefined);
    await page.frameLocator('iframe[data-filled="true"]').getByText('our roses').waitFor();

    await row(page, 'an offer').click();
    await page.getByLabel('Show details').click();
    await page.getByRole('button', { name: `Block ${ben}` }).click();
    await page.getByText(`What ${ben} sends is junk`).waitFor();
    await page.keyboard.press('!');
    await row(page, 'an offer').waitFor({ state: 'detached' });
    await tell('another offer');
    await page.getByRole('link', { name: /^Junk/ }).click();
    for (const subject of ['an offer', 'another offer']) await page.getByLabel(`Select: ${subject}`).waitFor();
    await page.getByLabel('Select: an offer').check();
    await page.getByRole('button', { name: 'Not junk' }).click();
    await page.getByLabel('Select: an offer').waitFor({ state: 'detached' });
    await page.getByRole('link', { name: /^Inbox/ }).click();
    await row(page, 'an offer').waitFor();
    expect(await row(page, 'another offer').count()).toBe(0);
    // Up and down.
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('o');
    await page.locator('.reader article').waitFor();
    await context.close();
  });

  test('is read and written on a telephone, by touch and in the dark, by a page that can be installed', async ({
    home,
  }) => {
    const [tom, una] = [await home.person('tom'), await home.person('una')];
    await home.as(una, 'send', '--to', tom, '--subject', 'on the way', '--body', 'I am late.');
    const { context, page } = await home.signIn(tom, { ...TELEPHONE, sendsAtOnce: true, serviceWorkers: 'allow' });
    const fits = (): Promise<boolean> => page.evaluate('document.documentElement.scrollWidth <= innerWidth');
    await row(page, 'on the way').waitFor();
    const light = await page.evaluate<number>(
      'Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3))',
    );
    expect(light).toBeLessThan(80);
    expect([await fits(), await seriousViolations(page)]).toEqual([true, []]);
    await row(page, 'on the way').tap();
    await page.getByRole('article').getByText('I am late.').waitFor();
    expect([await fits(), await seriousViolations(page)]).toEqual([true, []]);
    await page.getByRole('button', { name: 'Reply', exact: true }).tap();
    await page.getByLabel('Message', { exact: true }).fill('I wait.');
    expect([await fits(), await seriousViolations(page)]).toEqual([true, []]);
    await page.getByRole('button', { name: 'Send', exact: true }).tap();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Back to the list' }).tap();
    await page.getByRole('button', { name: 'Menu', exact: true }).tap();
    await page.getByRole('link', { name: /^Sent/ }).tap();
    await row(page, 'Re: on the way').waitFor();
    const { page: hers } = await home.signIn(una);
    await row(hers, 'Re: on the way').waitFor({ timeout: SLOW_MS });

    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    const devtools = await context.newCDPSession(page);
    expect(await manifestOf(devtools)).toEqual({ errors: [], name: 'Restante' });
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    // Every context of a test is a private window, in which nothing can be installed.
    expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
    for (const one of [hers.context(), context]) await one.close();
  });
});
