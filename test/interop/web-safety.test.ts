/** Every message of the corpus and a set of hostile ones, read in a real Chromium: nothing runs, nobody is asked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { hostileMails } from '../harness/hostile-mails.ts';
import { skipWithout } from '../harness/requirement.ts';
import type { WebHome } from '../harness/web-home.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));

function corpusFiles(): readonly Buffer[] {
  if (skipWithout(existsSync(CORPUS), { test: 'the corpus in the page', lack: 'it is not beside the project' }))
    return [];
  return readdirSync(CORPUS, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .map((name) => readFileSync(join(CORPUS, name)));
}

interface Shown {
  readonly id: string;
  readonly threadId: string;
  readonly subject: string | null;
}

async function emailsOf(home: WebHome, address: string): Promise<readonly Shown[]> {
  const ids = { resultOf: '0', name: 'Email/query', path: '/ids' };
  const [, { list }] = await home.call<[unknown, { list: Shown[] }]>(address, [
    ['Email/query', { accountId: 'encrypted' }, '0'],
    ['Email/get', { accountId: 'encrypted', '#ids': ids, properties: ['threadId', 'subject'] }, '1'],
  ]);
  return list;
}

// It needs a browser to read mail with.
describe.skipIf(LACKS_CHROMIUM)('whatever is read', () => {
  test('runs nothing, asks nobody, and leaves the page as it was', async ({ home }) => {
    const address = await home.person('alice');
    const hostile = hostileMails();
    const exact = hostile.map((raw) => Buffer.from(raw));
    await home.fill(
      address,
      // Read before: what is marked as read while it is shown has the hub tell of it, and the list asked for again.
      [...exact, ...corpusFiles()].map((raw) => ({ raw, keywords: ['$seen'] })),
    );
    const { page, strangeRequests } = await home.signIn(address);
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    const popups: string[] = [];
    page.context().on('page', (popup) => popups.push(popup.url()));
    const emails = await emailsOf(home, address);
    expect(emails.length).toBeGreaterThanOrEqual(hostile.length);
    const threads = [...new Set(emails.map(({ threadId }) => threadId))];
    for (const threadId of threads) {
      await page.evaluate(`location.hash = '#/in/inbox/${encodeURIComponent(`encrypted:${threadId}`)}'`);
      await page.locator(`.reader[data-thread="encrypted:${threadId}"] article`).last().waitFor();
      await page.locator('iframe[data-filled="false"]').waitFor({ state: 'detached' });
      const state = await page.evaluate<string>(
        "JSON.stringify([window.owned ?? null, location.pathname, document.querySelectorAll('.shell nav').length])",
      );
      expect(state, threadId).toBe('[null,"/",1]');
    }
    const frames = page.frames().filter((frame) => frame !== page.mainFrame());
    for (const frame of frames) expect(await frame.evaluate<unknown>('window.owned ?? null')).toBe(null);
    expect([dialogs, popups, strangeRequests]).toEqual([[], [], []]);
  });
});
