/** Several accounts in the page: one at a Dovecot beside the encrypted one, in one list and each by itself. */
import { describe, expect } from 'vitest';
import { Dovecot, PASSWORD, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import { openSettings, row, typeAccount } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const IMAP = 'alice@mail.example';

// Both are programs of the machine, which these tell when they are missing.
describe.skipIf(LACKS_CHROMIUM || skipsWithoutDovecot('several accounts in the page'))('several accounts', () => {
  test('are one list and lists of their own; what is done goes to the account of each mail', async ({ home }) => {
    await using dovecot = await Dovecot.open();
    const address = await home.person('alice');
    await home.fill(address, [{ raw: 'From: Carol <c@x.example>\nSubject: encrypted here\n\nin the home\n' }]);
    const { complaints, page, strangeRequests } = await home.signIn(address);
    await openSettings(page, 'Accounts');
    await page.getByRole('button', { name: 'Add account' }).click();
    await typeAccount(page, { address: IMAP, password: 'wrong', imapPort: dovecot.imapPort });
    await page.getByRole('button', { name: 'Add account' }).click();
    await page.getByText('The server does not take this password.').waitFor({ timeout: 30_000 });
    await page.getByLabel('Its password').fill(PASSWORD);
    // As if there were much, the first time: how much is looked at again, until all is there.
    let looks = 0;
    await page.route('**/jmap/mail-accounts', async (route) => {
      if (route.request().method() !== 'GET' || looks++ > 0) return route.fallback();
      const answer = await route.fetch();
      const { accounts } = (await answer.json()) as { readonly accounts: readonly object[] };
      await route.fulfill({ json: { accounts: accounts.map((one) => ({ ...one, toFetch: 1_234 })) } });
    });
    await page.getByRole('button', { name: 'Add account' }).click();
    await page.getByRole('button', { name: `Remove ${IMAP}` }).waitFor({ timeout: 30_000 });
    const toFetch = page.getByText('1,234 messages to fetch');
    await toFetch.waitFor();
    await toFetch.waitFor({ state: 'detached', timeout: 30_000 });
    await page.keyboard.press('Escape');
    const chooser = page.getByLabel('Account', { exact: true });
    await chooser.selectOption({ label: IMAP });
    await page.getByRole('link', { name: /^Inbox/ }).waitFor();
    const id = await chooser.inputValue();
    await home.fill(address, [{ raw: 'From: Dora <d@x.example>\nSubject: kept by Dovecot\n\nelsewhere\n' }], id);
    await row(page, 'kept by Dovecot').waitFor({ timeout: 60_000 });
    expect(await row(page, 'encrypted here').count()).toBe(0);

    await chooser.selectOption({ label: 'All accounts' });
    for (const subject of ['kept by Dovecot', 'encrypted here']) await row(page, subject).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await row(page, 'kept by Dovecot').click();
    await page.getByRole('button', { name: /Ordinary mail/ }).waitFor();
    // From all accounts, into the trash of its own, and back.
    const both = ['kept by Dovecot', 'encrypted here'];
    for (const subject of both) await page.getByLabel(`Select: ${subject}`).check();
    await page.keyboard.press('#');
    await page.getByText('2 moved to Trash').waitFor();
    for (const subject of both) await row(page, subject).waitFor({ state: 'detached' });
    await page.keyboard.press('z');
    for (const subject of both) await row(page, subject).waitFor();
    // This server has no archive: that is said, and its mail stays.
    for (const subject of both) await page.getByLabel(`Select: ${subject}`).check();
    await page.keyboard.press('e');
    await page.getByText(`${IMAP} has no mailbox for this.`).waitFor();
    await page.getByText('Archived', { exact: true }).waitFor();
    await row(page, 'encrypted here').waitFor({ state: 'detached' });
    await row(page, 'kept by Dovecot').waitFor();
    await page.keyboard.press('z');
    for (const subject of both) await row(page, subject).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('elsewhere');
    await page.keyboard.press('Enter');
    await page.locator('mark', { hasText: 'elsewhere' }).waitFor();
    // What was thrown away is not looked for, unless somebody says so.
    await page.keyboard.press('#');
    await page.getByText('Moved to Trash').waitFor();
    const look = async (words: string): Promise<void> => {
      await page.getByRole('searchbox').fill(words);
      await page.keyboard.press('Enter');
    };
    await look('dora elsewhere');
    await page.getByText('Nothing was found').waitFor();
    for (const words of ['in:trash elsewhere', 'elsewhere in:anywhere']) {
      await look(words);
      await page.locator('mark', { hasText: 'elsewhere' }).waitFor();
    }
    await page.keyboard.press('c');
    await page.getByRole('dialog').getByLabel('From').selectOption({ label: IMAP });
    await page.getByRole('button', { name: 'Discard draft' }).click();
    // What went wrong at the server is said in the language of the page.
    await dovecot.kill();
    interface Accounts {
      readonly accounts: readonly { readonly server?: { readonly problemCode?: string } }[];
    }
    const codes = async (): Promise<unknown[]> => {
      const { accounts } = await home.asker(address)<Accounts>('/jmap/mail-accounts');
      return accounts.map(({ server }) => server?.problemCode);
    };
    await expect.poll(codes, { timeout: 60_000 }).toEqual(['server_unreachable']);
    await openSettings(page, 'Appearance');
    await page.getByLabel('Deutsch').check();
    await page.getByRole('tab', { name: 'Konten' }).click();
    const panel = page.getByRole('tabpanel');
    await panel.getByText('Sein Server antwortet nicht. Es wird von selbst wieder versucht.').waitFor();
    expect(await panel.textContent()).not.toContain('nothing listens');
    // The browser also tells of the password that was wrong.
    expect(complaints.filter((text) => !text.includes('422'))).toEqual([]);
    expect(strangeRequests).toEqual([]);
  });
});
