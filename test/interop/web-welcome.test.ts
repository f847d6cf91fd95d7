/** Somebody with nothing but the link that `up` prints: their first account, in a real Chromium. */
import { ImapFlow } from 'imapflow';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { PASSWORD as DOVECOT_PASSWORD, Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { PASSWORD } from '../harness/home-process.ts';
import { message } from '../harness/imap-mail.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import { keepCode, row, typeAccount } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

const { RESTANTE_PASSWORD: password } = PASSWORD;

async function fill(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('The password again').fill(password);
  await page.getByRole('button', { name: 'Make the account' }).click();
}

/** Of which node the page hears that it is followed; null: that none answers. */
function nodesTold(page: Page): readonly (string | null)[] {
  const nodes: (string | null)[] = [];
  page.on('response', async (response) => {
    if (!(response.request().postData() ?? '').includes('"Completeness/get"')) return;
    const { methodResponses } = (await response.json()) as {
      methodResponses: [string, { list?: { node: string | null }[] }][];
    };
    for (const [name, { list = [] }] of methodResponses)
      if (name === 'Completeness/get') nodes.push(...list.map(({ node }) => node));
  });
  return nodes;
}

const test = ofHome.extend('registration', { scope: 'file' }, 'invite');

/** Mail that somebody has at another provider. */
async function leaveMail({ imapPort }: Dovecot, subject: string): Promise<void> {
  const auth = { user: 'alice', pass: DOVECOT_PASSWORD };
  const client = new ImapFlow({ host: '127.0.0.1', port: imapPort, secure: false, auth, logger: false });
  await client.connect();
  await client.append('INBOX', message(subject));
  await client.logout();
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('the link', () => {
  test('leads to an account, its recovery code and the inbox; the code opens it again when the password is lost', async ({
    home,
  }) => {
    const address = `ann@${home.home}`;
    const { context, page } = await home.visit(address, { path: `#/welcome/${home.invite}` });
    await page.getByRole('heading', { name: `Make your account at ${home.home}` }).waitFor();
    const nodes = nodesTold(page);
    expect(await seriousViolations(page)).toEqual([]);
    await fill(page, 'not a name!');
    await page.getByText('Small letters, digits').waitFor();
    await fill(page, 'ann');
    await page.getByRole('heading', { name: 'Recovery code' }).waitFor({ timeout: 60_000 });
    expect(await seriousViolations(page)).toEqual([]);
    const code = await keepCode(page);
    expect(code.split('-')).toHaveLength(8);
    await page.getByRole('heading', { name: 'Mail that you have elsewhere' }).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByRole('button', { name: 'Compose' }).first().waitFor({ timeout: 60_000 });
    // Of a home that is just being connected nobody is told that it does not answer.
    await expect.poll(() => nodes, { timeout: 60_000 }).toContain('a');
    expect(nodes).not.toContain(null);
    await context.close();

    // The invitation was good once.
    const { context: other, page: late } = await home.visit(address, { path: `#/welcome/${home.invite}` });
    await fill(late, 'bob');
    await late.getByText('This invitation is used or unknown.').waitFor({ timeout: 60_000 });
    await other.close();

    const { context: lost, page: again } = await home.visit(address);
    await again.getByRole('link', { name: 'Password lost?' }).click();
    await again.getByLabel('Address').fill(address);
    await again.getByLabel('Recovery code').fill(code.toLowerCase().replaceAll('-', ' '));
    await again.getByLabel('New password').fill('another sentence altogether');
    await again.getByRole('button', { name: 'Set the password' }).click();
    await again.getByRole('button', { name: 'Compose' }).first().waitFor({ timeout: 60_000 });
    await lost.close();
  });
});

// Both are programs of the machine, which these tell when they are missing.
describe.skipIf(LACKS_CHROMIUM || skipsWithoutDovecot('the first run with other mail'))('the first run', () => {
  test('takes mail that somebody has elsewhere: it is in the page when that opens', async ({ home }) => {
    await using dovecot = await Dovecot.open();
    await leaveMail(dovecot, 'from before');
    const { invite } = await home.operatorAsks<{ readonly invite: string }>('invite', 'POST');
    const { context, page } = await home.visit('dora', { path: `#/welcome/${invite}` });
    await fill(page, 'dora');
    await page.getByRole('heading', { name: 'Recovery code' }).waitFor({ timeout: 60_000 });
    await keepCode(page);
    await page.getByRole('heading', { name: 'Mail that you have elsewhere' }).waitFor();
    const elsewhere = { address: 'dora@mail.example', imapPort: dovecot.imapPort };
    await typeAccount(page, { ...elsewhere, password: 'wrong' });
    await page.getByRole('button', { name: 'Add account' }).click();
    await page.getByText('The server does not take this password.').waitFor({ timeout: 30_000 });
    expect(await seriousViolations(page)).toEqual([]);
    await page.getByLabel('Its password').fill(DOVECOT_PASSWORD);
    await page.getByRole('button', { name: 'Add account' }).click();
    await row(page, 'from before').click({ timeout: 60_000 });
    await page.getByRole('article').getByText('hello').waitFor();
    await page.getByRole('button', { name: /Ordinary mail/ }).waitFor();
    await page.getByLabel('Account', { exact: true }).selectOption({ label: `dora@${home.home}` });
    await row(page, 'from before').waitFor({ state: 'detached' });
    await context.close();
  });
});
