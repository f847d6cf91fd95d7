/** One's own account in the page: keys and whose they are, devices, password, nodes, what goes out and in, no network. */
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { sealedRecords } from '../harness/web-database.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import type { WebUser } from '../harness/web-home.ts';
import { closeSettings, keepCode, openSettings, row, write } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test as ofHome } from '../harness/web-test.ts';

const { RESTANTE_PASSWORD: password } = PASSWORD;

interface Two {
  /** With the page open. */
  readonly alice: WebUser;
  readonly bob: string;
}

const test = ofHome.extend('two', { scope: 'file' }, async ({ home }): Promise<Two> => {
  const address = await home.person('alice');
  const bob = await home.person('bob');
  await home.fill(address, [
    { raw: 'From: Carol <carol@x.example>\nTo: alice\nSubject: put here\n\nFrom the start.\n\nFrom again\n' },
  ]);
  await home.as(bob, 'send', '--to', address, '--subject', 'by bob', '--body', 'It is me.');
  return { alice: await home.signIn(address), bob };
});

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('in the page a person', () => {
  test('sees whose key a message was signed with, and compares it', async ({ home, two: { alice, bob } }) => {
    const { page } = alice;
    await row(page, 'put here').click();
    await page.getByRole('button', { name: /You put it here yourself/ }).waitFor();
    await row(page, 'by bob').click();
    await page.getByRole('button', { name: /in the public log of the sender/ }).click();
    const dialog = page.getByRole('dialog');
    const { fingerprint } = await home.as<{ fingerprint: string }>(bob, 'key', 'show');
    const spelled = fingerprint.toUpperCase().match(/.{4}/g)?.join(' ') ?? '';
    await dialog.getByLabel(spelled).first().waitFor();
    await dialog.getByText(alice.address).waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'It is the same' }).click();
    await dialog.getByText('You compared keys with the sender').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /You compared keys with the sender/ }).waitFor();
  });

  test('names and shuts out devices, and blocks whom they like', async ({ two: { alice } }) => {
    const { page } = alice;
    await openSettings(page, 'Devices');
    const devices = page.getByRole('tabpanel').getByRole('list').first();
    // The one that the account was made on; the hub is the other.
    const other = devices.getByRole('listitem').filter({ hasNotText: 'this hub' });
    page.once('dialog', (dialog) => void dialog.accept());
    await other.getByRole('button', { name: /^Revoke/ }).click();
    await devices.getByText('revoked', { exact: false }).waitFor();
    await page.getByRole('tab', { name: 'Keys and password' }).click();
    await page.getByLabel('Address or home').fill('spam.example');
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByRole('button', { name: 'Unblock spam.example' }).click();
    await page.getByText('Nobody is blocked.').waitFor();
    await closeSettings(page);
  });

  test('pins a node, adds one of their own, and sees what is held of each feed', async ({ two: { alice } }) => {
    const { page } = alice;
    await page.getByRole('button', { name: /^Complete on/ }).click();
    await page.getByRole('img', { name: /^Feed 1: \d+ of \d+/ }).waitFor();
    await page.getByRole('button', { name: /^Pin / }).first().click();
    await page.getByText('pinned').waitFor();
    await page.getByRole('button', { name: 'Add a node of your own' }).click();
    await page.getByLabel('Name').fill('cellar');
    await page.getByLabel('Address, such as').fill('ws://127.0.0.1:9/client');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('button', { name: 'Remove cellar' }).click();
    await page.getByRole('button', { name: 'Remove cellar' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^Unpin / }).click();
    await closeSettings(page);
  });

  test('takes everything out to the byte, and puts it in again', async ({ two: { alice } }) => {
    const { page } = alice;
    await openSettings(page, 'Import and export');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const file = join(tmpdir(), `restante-export-${process.pid}.mbox`);
    await (await saving).saveAs(file);
    const mbox = await readFile(file, 'utf8');
    expect(mbox.match(/^From /gm)).toHaveLength(2);
    expect(mbox).toContain('\n>From the start.\r\n\r\n>From again\r\n');
    await writeFile(file, mbox.replaceAll('Subject: put here', 'Subject: put in again'));
    await page.locator('input[type=file]').setInputFiles(file);
    await page.getByText('2 messages imported').waitFor();
    await closeSettings(page);
    await page.getByRole('link', { name: /^Archive/ }).click();
    await row(page, 'put in again').click();
    await page.getByRole('article').getByText('From again').waitFor();
    await page.getByRole('link', { name: /^Inbox/ }).click();
  });

  test('changes the password, after showing the old one', async ({ home, two: { alice } }) => {
    const { page } = alice;
    await openSettings(page, 'Keys and password');
    await page.getByLabel('Current password').first().fill('not it at all');
    await page.getByLabel('New password').fill('a longer sentence than before');
    await page.getByLabel('The password again').fill('a longer sentence than before');
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByText('That is not the current password.').waitFor({ timeout: 60_000 });
    await page.getByLabel('Current password').first().fill(password);
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByText('The password is changed').waitFor({ timeout: 60_000 });
    await closeSettings(page);
    const old = `Basic ${Buffer.from(`${alice.address}:${password}`).toString('base64')}`;
    expect((await fetch(new URL('/jmap/session', home.web), { headers: { authorization: old } })).status).toBe(401);
  });

  test('reads and writes without a network, and what was sent goes when there is one', async ({
    home,
    two: { alice, bob },
  }) => {
    await home.as(bob, 'send', '--to', bob, '--subject', 'to keep', '--body', 'Read me in the tunnel.');
    const { context, page } = await home.signIn(bob, { serviceWorkers: 'allow', sendsAtOnce: true });
    await openSettings(page, 'Appearance');
    await page.getByLabel('Keep mail for reading without a network').check();
    await closeSettings(page);
    await row(page, 'to keep').click({ timeout: 60_000 });
    await page.getByRole('article').getByText('Read me in the tunnel.').waitFor();
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    // The service worker has what the page is made of, once it was loaded with it.
    await page.reload();
    await row(page, 'to keep').waitFor();
    await context.setOffline(true);
    await page.reload();
    await page.getByText('You are offline.').waitFor();
    await page.getByRole('article').getByText('Read me in the tunnel.').waitFor();
    const sealed = await sealedRecords(page, `restante-shelf ${bob}`);
    expect(sealed.length).toBeGreaterThan(100);
    expect(sealed).not.toContain('tunnel');
    await write(page, { to: alice.address, subject: 'from the tunnel', text: 'no network here' });
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('it goes as soon as the hub can be reached').waitFor();
    await context.setOffline(false);
    await row(alice.page, 'from the tunnel').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Address').waitFor();
    expect(await page.evaluate<string[]>('indexedDB.databases().then((all) => all.map(({ name }) => name))')).toEqual(
      [],
    );
    await context.close();
  });

  test('gives another program a password and takes it away, has a new key and a new recovery code, and ends the account', async ({
    home,
    two: { bob },
  }) => {
    const erin = await home.person('erin');
    const { context, page } = await home.signIn(erin);
    await openSettings(page, 'Devices');
    await page.getByLabel('New app password').fill('reader on the train');
    await page.getByRole('button', { name: 'Create' }).click();
    const secret = (await page.locator('.shown-once code').textContent()) ?? '';
    const authorization = `Basic ${Buffer.from(`${erin}:${secret}`).toString('base64')}`;
    const comeIn = async (): Promise<number> =>
      (await fetch(new URL('/jmap/session', home.web), { headers: { authorization } })).status;
    expect(await comeIn()).toBe(200);
    await page.getByRole('button', { name: 'Revoke reader on the train' }).click();
    await page.getByRole('button', { name: 'Revoke reader on the train' }).waitFor({ state: 'detached' });
    expect(await comeIn()).toBe(401);

    await home.as(bob, 'send', '--to', erin, '--subject', 'before', '--body', 'to the old key');
    await page.getByRole('tab', { name: 'Keys and password' }).click();
    await page.getByRole('button', { name: 'Rotate the key' }).click();
    await page.getByText('New mail is encrypted to a new key.').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Make a new recovery code' }).click();
    const code = await keepCode(page);
    await page.getByRole('button', { name: 'Make a new recovery code' }).waitFor();
    await closeSettings(page);
    await home.as(bob, 'send', '--to', erin, '--subject', 'after', '--body', 'to the new key');
    for (const [subject, text] of [
      ['before', 'to the old key'],
      ['after', 'to the new key'],
    ] as const) {
      await row(page, subject).click();
      await page.getByRole('article').getByText(text).waitFor();
    }
    await context.close();

    const { context: last, page: again } = await home.visit(erin);
    await again.getByRole('link', { name: 'Password lost?' }).click();
    await again.getByLabel('Address').fill(erin);
    await again.getByLabel('Recovery code').fill(code);
    await again.getByLabel('New password').fill('another sentence altogether');
    await again.getByRole('button', { name: 'Set the password' }).click();
    await row(again, 'before').waitFor({ timeout: 60_000 });
    await openSettings(again, 'Keys and password');
    await again.getByText('End the account', { exact: true }).click();
    await again.getByLabel('Type your address').fill(erin);
    await again.getByLabel('Current password').last().fill('another sentence altogether');
    await again.getByRole('button', { name: 'End it for ever' }).click();
    await again.getByText('You were signed out').waitFor({ timeout: 60_000 });
    await again.getByLabel('Address').fill(erin);
    await again.getByLabel('Password', { exact: true }).fill('another sentence altogether');
    await again.getByRole('button', { name: 'Sign in' }).click();
    await again.getByText('Address and password do not belong together.').waitFor({ timeout: 60_000 });
    await last.close();
  });
});
