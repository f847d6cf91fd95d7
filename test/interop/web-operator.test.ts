/** The operator's page in a real Chromium: its own login, figures, acts, and nothing of anybody's mail. */
import { describe, expect, test } from 'vitest';
import { skipWithout } from '../harness/requirement.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import { hasChromium, WebHome } from '../harness/web-home.ts';

const TIMEOUT_MS = 300_000;

// It needs a browser to look at a page with.
describe.skipIf(skipWithout(hasChromium(), { test: 'the operator’s page', lack: 'there is no chromium' }))(
  'the operator’s page',
  () => {
    test(
      'shows figures and what to do to whoever has the token of this start, and no mail',
      async () => {
        await using home = await WebHome.open();
        const alice = await home.person('alice');
        await home.fill(alice, [{ raw: 'Subject: a private word\nFrom: <x@x.example>\n\nhoneysuckle\n' }]);
        const { complaints, page, strangeRequests } = await home.visit(alice, undefined, home.operator ?? '');
        await page.getByRole('heading', { name: 'Health' }).waitFor();
        // The token is in no address that somebody might copy, or that the browser keeps.
        expect(page.url()).not.toContain('#');
        await page.getByText('No other node has a copy').waitFor();
        await page
          .getByRole('row', { name: new RegExp(alice) })
          .first()
          .waitFor();
        await page.locator('.uplot canvas').nth(2).waitFor();
        expect(await seriousViolations(page)).toEqual([]);

        const account = page.getByRole('row', { name: new RegExp(`^${alice}`) }).first();
        await account.getByLabel(`Room, MB: ${alice}`).fill('500');
        await account.getByRole('button', { name: 'Save' }).click();
        const quotaOf = async (): Promise<unknown> => {
          const { accounts } = (await home.operatorAsks('status')) as { accounts: Record<string, unknown>[] };
          return accounts.find(({ address }) => address === alice)?.quotaBytes;
        };
        await expect.poll(quotaOf, { timeout: 20_000 }).toBe(500_000_000);
        await page.getByRole('button', { name: 'Invite somebody' }).click();
        await page.getByText('/#/welcome/').waitFor();

        const told = `${JSON.stringify(await home.operatorAsks('status'))}${await page.content()}`;
        expect(told).not.toMatch(/honeysuckle|private word/);
        expect([complaints, strangeRequests]).toEqual([[], []]);
      },
      TIMEOUT_MS,
    );

    test(
      'opens to nobody without the token',
      async () => {
        await using home = await WebHome.open();
        const { page } = await home.visit('nobody', undefined, 'operator.html');
        await page.getByLabel('Token').fill('guessed');
        await page.keyboard.press('Enter');
        await page.getByText('That is not the token of this start').waitFor();
        expect(await seriousViolations(page)).toEqual([]);
        const answer = await fetch(new URL('/operator/status', home.web));
        expect(answer.status).toBe(401);
      },
      TIMEOUT_MS,
    );
  },
);
