/** Every message of the corpus and a set of hostile ones, read in a real Chromium: nothing runs, nobody is asked. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { hostileMails } from '../harness/hostile-mails.ts';
import { skipWithout } from '../harness/requirement.ts';
import { hasChromium, WebHome } from '../harness/web-home.ts';

const TIMEOUT_MS = 900_000;
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
  const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
  const ids = { resultOf: '0', name: 'Email/query', path: '/ids' };
  const methodCalls = [
    ['Email/query', { accountId: 'encrypted' }, '0'],
    ['Email/get', { accountId: 'encrypted', '#ids': ids, properties: ['threadId', 'subject'] }, '1'],
  ];
  const headers = { 'content-type': 'application/json' };
  const ask = home.asker(address);
  const answer = await ask('/jmap/api', { method: 'POST', headers, body: JSON.stringify({ using, methodCalls }) });
  return (answer.methodResponses as [string, { list: Shown[] }][])[1]?.[1].list ?? [];
}

// It needs a browser to read mail with.
describe.skipIf(skipWithout(hasChromium(), { test: 'hostile mail in the page', lack: 'there is no chromium' }))(
  'whatever is read',
  () => {
    test(
      'runs nothing, asks nobody, and leaves the page as it was',
      async () => {
        await using home = await WebHome.open();
        const address = await home.person('alice');
        const hostile = hostileMails();
        await home.fillRaw(address, [...hostile.map((raw) => Buffer.from(raw)), ...corpusFiles()]);
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
      },
      TIMEOUT_MS,
    );
  },
);
