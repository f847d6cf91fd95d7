/** Files dropped on a letter and pasted into it: they come in whole, one sees how far they are, and can leave them out. */
import { buffer, text } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const ARRIVAL_MS = 60_000;
/** Slow enough to be seen on its way, and soon there. */
const FILE_BYTES = 400_000;
const UPLOAD_BYTES_PER_SECOND = 150_000;

/** What a browser hands to a page on a drop (`DataTransfer`) and on a paste. */
const giveFile = (event: 'drop' | 'paste', name: string, bytes: number): string => `(() => {
  const files = new DataTransfer();
  files.items.add(new File(['x'.repeat(${bytes})], ${JSON.stringify(name)}, { type: 'text/plain' }));
  const options = { bubbles: true, cancelable: true };
  const letter = document.querySelector('[role="dialog"] textarea');
  ${
    event === 'drop'
      ? `letter.dispatchEvent(new DragEvent('dragover', { ...options, dataTransfer: files }));
  letter.dispatchEvent(new DragEvent('drop', { ...options, dataTransfer: files }));`
      : `letter.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: files }));`
  }
})()`;

async function slowUploads(page: Page): Promise<void> {
  const debug = await page.context().newCDPSession(page);
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: UPLOAD_BYTES_PER_SECOND };
  await debug.send('Network.emulateNetworkConditions', conditions);
}

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)(
  'files come into a letter by drop and by paste, with progress, and go with it',
  async ({ home }) => {
    const bob = await home.person('bob');
    const alice = await home.signIn(await home.person('alice'), { sendsAtOnce: true });
    const { page } = alice;
    await page.keyboard.press('c');
    const letter = page.getByRole('dialog');
    await letter.getByLabel('To', { exact: true }).fill(bob);
    await letter.getByLabel('Subject').fill('two files');

    await slowUploads(page);
    await page.evaluate(giveFile('drop', 'dropped.txt', FILE_BYTES));
    const progress = letter.getByRole('progressbar', { name: /^dropped\.txt/ });
    const share = (): Promise<number> => progress.evaluate((element: { value: number }) => element.value);
    await expect.poll(share, { timeout: ARRIVAL_MS, interval: 20 }).toBeGreaterThan(0.1);
    await letter.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.getByText('Some files are still on their way.').waitFor();
    await page.evaluate(giveFile('paste', 'pasted.txt', 7));
    await page.evaluate(giveFile('paste', 'unwanted.txt', 9));
    // By keyboard: what stands before it gets narrower when it has come, and a click just then misses.
    await letter.getByRole('button', { name: 'Remove unwanted.txt' }).press('Enter');
    await letter.getByText('unwanted.txt').waitFor({ state: 'detached' });
    await letter.getByText('dropped.txt').waitFor();
    await letter.getByRole('progressbar').first().waitFor({ state: 'detached', timeout: ARRIVAL_MS });
    await expect.poll(() => letter.getByRole('progressbar').count(), { timeout: ARRIVAL_MS }).toBe(0);
    await letter.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.waitFor({ state: 'detached' });

    const { page: reader } = await home.signIn(bob);
    await row(reader, 'two files').click({ timeout: ARRIVAL_MS });
    for (const [name, bytes] of [
      ['dropped.txt', FILE_BYTES],
      ['pasted.txt', 7],
    ] as const) {
      const saving = reader.waitForEvent('download');
      await reader.getByRole('button', { name: new RegExp(name) }).click();
      expect(await text(await (await saving).createReadStream())).toBe('x'.repeat(bytes));
    }
    expect(await reader.getByText('unwanted.txt').count()).toBe(0);
    expect(alice.complaints).toEqual([]);
  },
);

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
/** As telephones send them: a picture between two texts, and a file that is called inline and stands nowhere. */
const FROM_A_TELEPHONE = `From: Ivy <ivy@x.example>
Subject: from the beach
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

look at this
--b
Content-Type: image/png; name=beach.png
Content-Disposition: inline; filename=beach.png
Content-Transfer-Encoding: base64

${PIXEL}
--b
Content-Type: application/pdf; name=hotel.pdf
Content-Id: <hotel@x.example>
Content-Disposition: inline; filename=hotel.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--b--
`;
const BAD_REFERENCE = `From: Ivy <ivy@x.example>
Subject: broken by hand
Content-Type: text/html

<p>still words</p><img src="cid:50%off"><a href="mailto:a@x.example,b@x.example?subject=Off%20please">off</a>
`;

// It needs a browser to look at a page with.
test.skipIf(LACKS_CHROMIUM)(
  'what came with a mail can be had and passed on, whatever it is called, and a mail with bad references is read',
  async ({ home }) => {
    const address = await home.person('ivan');
    await home.fill(address, [{ raw: FROM_A_TELEPHONE }, { raw: BAD_REFERENCE }]);
    const { complaints, page } = await home.signIn(address);
    await row(page, 'from the beach').click();
    for (const [name, start] of [
      ['beach.png', '\u0089PNG'],
      ['hotel.pdf', '%PDF'],
    ] as const) {
      const saving = page.waitForEvent('download');
      await page
        .getByRole('article')
        .getByRole('button', { name: new RegExp(name) })
        .click();
      const bytes = await buffer(await (await saving).createReadStream());
      expect(bytes.toString('latin1').slice(0, 4)).toBe(start);
    }
    await page.getByRole('button', { name: 'Forward' }).click();
    for (const name of ['beach.png', 'hotel.pdf']) await page.getByRole('dialog').getByText(name).waitFor();
    await page.keyboard.press('Escape');

    await page.goBack();
    await row(page, 'broken by hand').click();
    const frame = page.frameLocator('iframe[data-filled="true"]');
    await frame.getByText('still words').waitFor();
    await frame.getByText('off', { exact: true }).click();
    const letter = page.getByRole('dialog', { name: 'Off please' });
    for (const person of ['a@x.example', 'b@x.example']) await letter.getByText(person, { exact: true }).waitFor();
    expect(complaints).toEqual([]);
  },
);
