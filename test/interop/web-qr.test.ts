/** Keys compared by camera: one person holds the code that their page shows before the camera of another. */
import { writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { openSettings, row } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const FRAME = { width: 640, height: 480 };
/** A video goes on: somebody keeps the code there for a while. */
const FRAMES = 10;

/** A film of the screen of somebody who shows the code of their key. */
async function filmOfCode(page: Page): Promise<Buffer> {
  await openSettings(page, 'Keys and password');
  await page.getByRole('button', { name: 'Show as a code to scan' }).click();
  const code = page.getByRole('tabpanel').locator('svg[role="img"]');
  await code.scrollIntoViewIfNeeded();
  const { height, width, x, y } = (await code.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const screen = page.viewportSize() ?? FRAME;
  const within = (at: number, most: number): number => Math.max(0, Math.min(at, most));
  const left = within(x + width / 2 - FRAME.width / 2, screen.width - FRAME.width);
  const top = within(y + height / 2 - FRAME.height / 2, screen.height - FRAME.height);
  const picture = await page.screenshot({ type: 'jpeg', quality: 80, clip: { x: left, y: top, ...FRAME } });
  return Buffer.concat(Array.from({ length: FRAMES }, () => picture));
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('a code before the camera', () => {
  test('verifies whom it belongs to and nobody else, and a camera that may not be used is told', async ({ home }) => {
    const [alice, bob, carol] = [await home.person('alice'), await home.person('bob'), await home.person('carol')];
    await home.as(bob, 'send', '--to', alice, '--subject', 'it is me', '--body', 'Really.');
    const films: Buffer[] = [];
    for (const other of [carol, bob]) {
      const { context, page } = await home.signIn(other);
      films.push(await filmOfCode(page));
      await context.close();
    }
    const [ofCarol, ofBob] = films as [Buffer, Buffer];
    const { complaints, context, page } = await home.signIn(alice);
    await row(page, 'it is me').click();
    await page.getByRole('button', { name: /in the public log of the sender/ }).click();
    const dialog = page.getByRole('dialog');
    const alert = dialog.getByRole('alert');
    const scan = async (film: Buffer): Promise<void> => {
      await writeFile(home.camera, film);
      await dialog.getByRole('button', { name: 'Scan their code' }).click();
    };

    await scan(ofCarol);
    await alert.getByText('The camera cannot be used').waitFor();
    await dialog.getByRole('button', { name: 'Stop the camera' }).click();
    await context.grantPermissions(['camera']);

    await scan(ofCarol);
    await alert.getByText('That is the code of another key.').waitFor();
    expect(await dialog.getByText('You compared keys with the sender').count()).toBe(0);

    await scan(ofBob);
    await dialog.getByText('You compared keys with the sender').first().waitFor();
    expect(await dialog.getByText('That is the code of another key.').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /You compared keys with the sender/ }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });
});
