/** The page in a real Chromium against a real `restante up`. */
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Route } from 'playwright-core';
import { describe, expect } from 'vitest';
import { seriousViolations } from '../harness/web-faults.ts';
import type { WebUser } from '../harness/web-home.ts';
import { closeSettings, openSettings, row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

const FIRST_VIEW_BYTES_MAX = 120_000;
/** A name that nobody knows is asked for several times, and the machine is busy. */
const SLOW_MS = 60_000;

const HOSTILE = `From: Mallory <mallory@evil.example>
To: alice
Subject: hostile
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html><head><meta http-equiv="refresh" content="0;url=https://evil.example/refresh">
<link rel="stylesheet" href="https://evil.example/css"><link rel="dns-prefetch" href="https://dns.evil.example">
<base href="https://evil.example/"><style>@import "https://evil.example/import"; p { background: url(https://evil.example/bg) }
@font-face { font-family: x; src: url(https://evil.example/font) } p { font-family: x }</style>
<script>parent.document.title = 'owned'; fetch('https://evil.example/script')</script></head>
<body onload="parent.document.title='owned'" background="https://evil.example/body">
<p style="background: url('https://evil.example/style')">the visible text</p>
<img src="https://evil.example/pixel.gif" srcset="https://evil.example/pixel2.gif 2x" onerror="parent.document.title='owned'">
<img src=x onerror="parent.document.title='owned'"><svg onload="parent.document.title='owned'"><script>1</script></svg>
<iframe src="https://evil.example/frame"></iframe><object data="https://evil.example/object"></object>
<video poster="https://evil.example/poster" autoplay><source src="https://evil.example/video"></video>
<form action="https://evil.example/form"><input name="password" autofocus><button>go</button></form>
<a href="javascript:parent.document.title='owned'">script link</a>
<table background="https://evil.example/table"><tr><td>cell</td></tr></table>
<math><mtext><table><mglyph><style><img src=x onerror="parent.document.title='owned'"></style></mglyph></table></mtext></math>
</body></html>`;

const plain = (from: string, subject: string, text: string): string =>
  `From: ${from}\nTo: alice\nSubject: ${subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n${text}\n`;

const LONG_LIST = 100_000;

/** A mailbox as large as nobody wants to fill for a test: what the page asks for of it is made up. */
async function answerWithLongList(route: Route): Promise<void> {
  const { methodCalls } = route.request().postDataJSON() as { methodCalls: [string, Record<string, number>, string][] };
  const { limit = 0, position = 0 } = methodCalls.find(([name]) => name === 'Email/query')?.[1] ?? {};
  if (limit === 0) return route.continue();
  const ids = Array.from({ length: Math.min(limit, LONG_LIST - position) }, (_, index) => `${position + index}`);
  const emails = ids.map((id) => ({
    ...{ id, threadId: id, mailboxIds: {}, keywords: {}, receivedAt: '2026-01-01T00:00:00Z', hasAttachment: false },
    ...{ from: [{ name: null, email: 'x@x.example' }], to: [], cc: [], subject: `number ${id}`, preview: 'words' },
  }));
  const lists: Readonly<Record<string, object>> = {
    query: { ids, total: LONG_LIST },
    heads: { list: emails },
    emails: { list: emails },
    threads: { list: ids.map((id) => ({ id, emailIds: [id] })) },
  };
  const methodResponses = methodCalls.map(([name, , id]) => [name, lists[id] ?? { list: [] }, id]);
  return route.fulfill({ json: { methodResponses, sessionState: '0' } });
}

interface Two {
  /** With the page open. */
  readonly alice: WebUser;
  readonly bob: string;
}

const test = ofHome.extend('two', { scope: 'file' }, async ({ home }): Promise<Two> => {
  const address = await home.person('alice');
  const bob = await home.person('bob');
  await home.fill(address, [
    { raw: plain('Carol <carol@x.example>', 'older news', 'about a heron'), keywords: ['$seen'] },
    { raw: plain('Dora <dora@x.example>', 'the boat', 'the oars are in the shed') },
    { raw: HOSTILE },
  ]);
  return { alice: await home.signIn(address), bob };
});

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('the page', () => {
  test('keeps neither the password nor, after signing out, anything to come in with', async ({
    home,
    two: { alice },
  }) => {
    const { page } = await home.signIn(alice.address);
    const kept = await page.evaluate<string>('JSON.stringify({ ...localStorage, ...sessionStorage })');
    expect(kept).not.toContain('correct horse');
    const [, token] = /token\\":\\"([^"\\]+)/.exec(kept) ?? [];
    expect(token).toMatch(/^rst1\./);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Address').waitFor();
    expect(await page.evaluate<number>('sessionStorage.length')).toBe(0);
    // The page forgets at once; that the hub has heard of it comes right after.
    const comeIn = async (): Promise<number> =>
      (await fetch(new URL('/.well-known/jmap', home.web), { headers: { authorization: `Bearer ${token}` } })).status;
    await expect.poll(comeIn, { timeout: 10_000 }).toBe(401);
    await page.context().close();
  });

  test('refuses a wrong password in plain words', async ({ home, two: { alice } }) => {
    const { page } = await home.visit(alice.address);
    await page.getByLabel('Address').fill(alice.address);
    await page.getByLabel('Password', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Address and password do not belong together.').waitFor();
    await page.context().close();
  });

  test('shows new mail when it comes, and lets it be read and answered', async ({ home, two: { alice, bob } }) => {
    const { page, context } = await home.signIn(alice.address, { sendsAtOnce: true });
    await home.as(bob, 'send', '--to', alice.address, '--subject', 'lunch?', '--body', 'At one, by the bridge.');
    await row(page, 'lunch?').click();
    await page.getByRole('article').getByText('At one, by the bridge.').waitFor();
    await page.keyboard.press('r');
    const letter = page.getByRole('dialog', { name: 'Re: lunch?' });
    await letter.getByLabel('Message', { exact: true }).pressSequentially('Gladly, **both** of us!');
    await page.keyboard.press('Control+Enter');
    await letter.waitFor({ state: 'detached' });
    const { page: other } = await home.signIn(bob);
    await row(other, 'Re: lunch?').click();
    await other.frameLocator('iframe').locator('strong', { hasText: 'both' }).waitFor();
    for (const one of [context, other.context()]) await one.close();
  });

  test('takes a message back that was sent', async ({ two: { alice, bob } }) => {
    const { page } = alice;
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog');
    await letter.getByLabel('To', { exact: true }).fill(bob);
    await letter.getByLabel('Subject').fill('hasty');
    await letter.getByLabel('Message', { exact: true }).fill('never mind');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('dialog', { name: 'hasty' }).waitFor();
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('never mind');
    await page.getByRole('button', { name: 'Discard draft' }).click();
  });

  test('says before it is sent whom a letter cannot reach, since the home sends no ordinary mail, and keeps it back', async ({
    home,
    two: { alice, bob },
  }) => {
    // The browser says of a home that cannot be reached what it says of any failure.
    const { page, context } = await home.signIn(alice.address);
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog', { name: 'New message' });
    const to = letter.getByLabel('To', { exact: true });
    await to.fill(`${bob}, carol@nowhere.invalid,`);
    await to.press('Enter');
    const why = letter.getByText('No home is known of carol@nowhere.invalid, and yours sends no mail to others.');
    await why.waitFor({ timeout: SLOW_MS });
    await letter.getByRole('button', { name: 'Send', exact: true }).click();
    await why.waitFor();
    await letter.getByRole('button', { name: 'Remove carol@nowhere.invalid' }).click();
    await letter.getByText('No home is known').waitFor({ state: 'detached' });
    await letter.getByRole('button', { name: 'Discard draft' }).click();
    await letter.waitFor({ state: 'detached' });
    await context.close();
  });

  test('finds with operators, and marks what was found', async ({ two: { alice } }) => {
    const { page } = alice;
    await page.keyboard.press('/');
    await page.keyboard.type('from:dora oars');
    await page.keyboard.press('Enter');
    await page.locator('mark', { hasText: 'oars' }).waitFor();
    expect(await page.locator('[data-position] a').count()).toBe(1);
    await page.getByRole('link', { name: /^Inbox/ }).click();
    await row(page, 'older news').waitFor();
  });

  test('is used by keys alone', async ({ two: { alice } }) => {
    const { page } = alice;
    await row(page, 'older news').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('article').getByText('about a heron').waitFor();
    await page.keyboard.press('e');
    await row(page, 'older news').waitFor({ state: 'detached' });
    await page.keyboard.press('z');
    await row(page, 'older news').waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await page.keyboard.press('Escape');
  });

  test('runs nothing of a hostile mail, and asks nobody for anything', async ({ two: { alice } }) => {
    const { page } = alice;
    // Ordinary mail meets no wall; this one runs into all of them, which the browser says.
    expect(alice.complaints).toEqual([]);
    await row(page, 'hostile').click();
    const frame = page.frameLocator('iframe');
    await frame.getByText('the visible text').waitFor();
    await page.getByText('Pictures from elsewhere are not loaded').waitFor();
    await frame.getByText('script link').click({ force: true });
    expect(
      await frame.locator('script, form, input, iframe, object, meta[http-equiv], link, base, video').count(),
    ).toBe(0);
    expect(await page.title()).not.toContain('owned');
    expect(alice.strangeRequests).toEqual([]);
  });

  test('shows any row of a hundred thousand, and makes only those in sight', async ({ home, two: { alice } }) => {
    const { page, context } = await home.signIn(alice.address);
    await page.route('**/jmap/api', answerWithLongList);
    await page.getByRole('link', { name: /^Archive/ }).click();
    await row(page, 'number 0').waitFor();
    const scroller = page.locator('[data-position="0"]').locator('xpath=ancestor::div[1]');
    await scroller.evaluate((element: { scrollTop: number; scrollHeight: number }) => {
      element.scrollTop = element.scrollHeight;
    });
    await row(page, 'number 99999').waitFor();
    expect(await page.locator('[data-position]').count()).toBeLessThan(60);
    await context.close();
  });

  test('has no serious fault for screen readers in its main views', async ({ home, two: { alice } }) => {
    const { page } = alice;
    expect(await seriousViolations(page)).toEqual([]);
    await page.keyboard.press('c');
    await page.getByRole('dialog', { name: 'New message' }).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await openSettings(page);
    for (const name of [
      'Appearance',
      'Accounts',
      'Devices',
      'Keys and password',
      'Completeness',
      'Import and export',
    ]) {
      await page.getByRole('tab', { name }).click();
      if (name === 'Devices') await page.getByText('this window').waitFor();
      expect(await seriousViolations(page), name).toEqual([]);
    }
    await closeSettings(page);
    const visitor = await home.visit(alice.address, { viewport: { width: 390, height: 780 } });
    expect(await seriousViolations(visitor.page)).toEqual([]);
    await visitor.context.close();
  });

  test('says when the hub is gone, loses nothing that is typed, and comes back by itself', async ({
    home,
    two: { alice },
  }) => {
    const { page } = alice;
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog', { name: 'New message' });
    await letter.getByLabel('Message', { exact: true }).fill('before');
    await home.crash(async () => {
      await page.getByText('The hub does not answer.').waitFor();
      await letter.getByLabel('Message', { exact: true }).fill('typed while it was gone');
      await page.getByText('Kept on this device').waitFor();
    });
    await page.getByText('The hub does not answer.').waitFor({ state: 'detached' });
    await page.getByText('Saved', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: /^Drafts/ }).click();
    await page.locator('[data-position] a', { hasText: 'typed while it was gone' }).waitFor();
  });

  test('is small: the first view needs little JavaScript', () => {
    const html = readFileSync('dist/web/index.html', 'utf8');
    const first = readdirSync('dist/web/assets').filter((name) => html.includes(name) && name.endsWith('.js'));
    const bytes = first.map((name) => gzipSync(readFileSync(`dist/web/assets/${name}`)).length);
    expect(first.length).toBeGreaterThan(0);
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FIRST_VIEW_BYTES_MAX);
  });
});
