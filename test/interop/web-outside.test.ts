/** Letters from the page to people whom no home has: what is said before they are sent, and what is not sent. */
import { describe, expect, test } from 'vitest';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { WebHome } from '../harness/web-home.ts';
import { row, write } from '../harness/web-page.ts';
import { LACKS_CHROMIUM } from '../harness/web-test.ts';

const SLOW_MS = 60_000;
const CAROL = 'carol@elsewhere.invalid';
const file = (name: string, size: number) => ({ name, mimeType: 'image/jpeg', buffer: Buffer.alloc(size, 7) });

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('a letter to somebody without a home', () => {
  test('is said to be readable on its way, is kept back while it is too large, and goes when it is not', async () => {
    await using sink = await SmtpSink.open();
    const relay = ['--smtp-relay', `smtp://127.0.0.1:${sink.settings.port}`, '--smtp-send-size', '2500000'];
    await using home = await WebHome.open('open', relay);
    const { context, page } = await home.signIn(await home.person('alice'), { sendsAtOnce: true });
    await write(page, { to: CAROL, subject: 'the photographs', text: 'From the garden.' });
    const letter = page.getByRole('dialog', { name: 'the photographs' });
    // Which sends nothing that is half written.
    for (const field of ['To', 'Subject']) await letter.getByLabel(field, { exact: true }).press('Enter');
    await letter.getByText(`No home is known of ${CAROL}: unless a key of theirs`).waitFor({ timeout: SLOW_MS });
    const picker = page.locator('.composer input[type=file]');
    await picker.setInputFiles([file('shed.jpg', 1_500_000), file('roses.jpg', 500_000)]);
    // Together they have 2.5 MB only before they are encoded.
    await letter.getByText('as ordinary mail it may have 2.5 MB, and this has 2.7 MB').waitFor();
    await letter.getByRole('progressbar').first().waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.getByText('as ordinary mail it may have 2.5 MB').waitFor();
    await letter.getByRole('button', { name: 'Remove roses.jpg' }).click();
    await letter.getByText(`No home is known of ${CAROL}: unless a key of theirs`).waitFor();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.waitFor({ state: 'detached' });
    await expect.poll(() => sink.recipients, { timeout: SLOW_MS }).toEqual([[CAROL]]);
    expect(sink.taken[0]).toContain('shed.jpg');
    expect(sink.taken[0]).not.toContain('roses.jpg');
    await page.getByRole('link', { name: /^Sent/ }).click();
    await row(page, 'the photographs').waitFor();
    await context.close();
  });
});
