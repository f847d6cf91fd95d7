/** The page of a home whose nodes and hub are processes of their own: what it says when one of them is killed, and after. */
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { seriousViolations } from '../harness/web-faults.ts';
import { WebFleet } from '../harness/web-fleet.ts';
import { closeSettings, openSettings, row, write } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

/** A hub that looks for its nodes, on a machine that is busy. */
const SLOW_MS = 90_000;
/** Within a letter, and in a file of its own at a node. */
const PHOTOGRAPH_BYTES = 200_000;
const HOME_AWAY = 'Your home does not answer.';
const HUB_AWAY = 'The hub does not answer.';

const says = (page: Page, words: string | RegExp): Promise<void> =>
  page.getByRole('navigation').getByRole('button', { name: words }).waitFor({ timeout: SLOW_MS });

/** The node that the hub follows, as the settings say. */
async function nodeOf(page: Page): Promise<string> {
  const text = await page.getByText(/^\s*Connected to \w+/).textContent({ timeout: SLOW_MS });
  return /Connected to (\w+)/.exec(text ?? '')?.[1] ?? '';
}

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('the page of a home', () => {
  test('of three nodes says on how many it is complete, also while one of them is killed and when it is back', async () => {
    await using world = await WebFleet.open(['a', 'b', 'c']);
    const { fleet } = world;
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    await world.as(bob, 'send', '--to', alice, '--subject', 'before', '--body', 'All are there.');
    await fleet.settled();
    const { page } = await world.signIn(alice);
    await row(page, 'before').waitFor({ timeout: SLOW_MS });
    await says(page, 'Complete on 3 of 3 nodes');

    await openSettings(page, 'Completeness');
    const panel = page.getByRole('tabpanel');
    await panel.getByText('Complete on 3 of 3 nodes').waitFor();
    for (const name of fleet.nodes.keys())
      await panel
        .getByText(new RegExp(`\\b${name}: up to \\d+`))
        .first()
        .waitFor();
    const killed = await nodeOf(page);
    await fleet.kill(killed);
    await panel.getByText('Complete on 2 of 3 nodes').waitFor({ timeout: SLOW_MS });
    await panel
      .getByText(new RegExp(`\\b${killed}: up to \\d+, no answer`))
      .first()
      .waitFor();
    await expect.poll(() => nodeOf(page), { timeout: SLOW_MS }).not.toBe(killed);
    await closeSettings(page);
    await says(page, 'Complete on 2 of 3 nodes');
    expect(await page.getByText(HOME_AWAY).count()).toBe(0);

    await fleet.start(killed);
    await says(page, 'Complete on 3 of 3 nodes');
  });

  test('says which messages are expected and who is asked for them, and fills the gap itself when another node is back', async () => {
    await using world = await WebFleet.open(['a', 'b']);
    const { fleet } = world;
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const { page } = await world.signIn(alice);
    await says(page, 'Complete on 2 of 2 nodes');
    await world.killHub();
    const photograph = join(fleet.folder, 'photograph.jpg');
    await writeFile(photograph, randomBytes(PHOTOGRAPH_BYTES));
    await world.as(bob, 'send', '--to', alice, '--subject', 'our garden', '--body', 'Look.', '--attach', photograph);
    await fleet.settled();
    // The disk of one node has lost what it keeps in files, and the other one is down: a letter is known, and not to be had.
    await fleet.stop('a');
    await rm(join(fleet.node('a').folder, 'store', 'values'), { recursive: true });
    await fleet.kill('b');
    await fleet.start('a');
    await world.startHub();
    await says(page, '1 message expected, asking a');
    await openSettings(page, 'Completeness');
    await page.getByRole('tabpanel').getByText('1 message expected, asking a').waitFor();
    await closeSettings(page);

    await fleet.start('b');
    await says(page, 'Complete on 2 of 2 nodes');
    await row(page, 'our garden').click();
    await page.getByRole('article').getByText('photograph.jpg').first().waitFor();
  });

  test('shows the fleets that its operator lists, and the node of the one that somebody chooses', async () => {
    await using world = await WebFleet.open(['a']);
    const { proxy } = world.fleet.node('a');
    const fleets = {
      near: { mail: { cellar: `ws://127.0.0.1:${proxy.port}/client?by=lan` } },
      far: { store: { tower: `ws://127.0.0.1:${proxy.port}/client?by=vpn`, 'not to be had': 'http://127.0.0.1/' } },
    };
    await world.killHub();
    await writeFile(join(world.hubFolder, 'fleets.json'), JSON.stringify({ fleets }));
    await world.startHub();
    const { page } = await world.signIn(await world.person('alice'));
    await openSettings(page, 'Completeness');
    const panel = page.getByRole('tabpanel');
    const node = (name: string) => panel.getByRole('listitem').filter({ hasText: name });
    await node('cellar').getByText('of the fleet').waitFor({ timeout: SLOW_MS });
    expect(await panel.getByLabel('Fleet').inputValue()).toBe('near');
    expect(await seriousViolations(page)).toEqual([]);

    await panel.getByLabel('Fleet').selectOption('far');
    await node('tower').getByText('of the fleet').waitFor();
    expect(await node('cellar').count()).toBe(0);
    expect(await node('not to be had').count()).toBe(0);
    await node('tower').getByRole('button', { name: 'Pin' }).click();
    await panel.getByText('Connected to tower').waitFor({ timeout: SLOW_MS });

    // It is the person's own, whichever process runs for them.
    await world.killHub();
    await writeFile(join(world.hubFolder, 'fleets.json'), 'no JSON');
    await world.startHub();
    await page.reload();
    await openSettings(page, 'Completeness');
    await panel.getByText('Connected to a').waitFor({ timeout: SLOW_MS });
    expect(await node('tower').count()).toBe(0);
  });

  test('whose node or hub is killed says so, keeps what is written, and sends it when all are back', async () => {
    await using world = await WebFleet.open(['a']);
    const { fleet } = world;
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const { page } = await world.signIn(alice, { sendsAtOnce: true });
    const letter = page.getByRole('dialog');
    const { page: his } = await world.signIn(bob);

    await write(page, { to: bob, subject: 'while the node is away', text: 'first' });
    await fleet.kill('a');
    await page.getByText(HOME_AWAY).waitFor({ timeout: SLOW_MS });
    await letter.getByLabel('Message', { exact: true }).fill('first, and more');
    await letter.getByText('Saved', { exact: false }).waitFor();
    expect(await page.getByText(HUB_AWAY).count()).toBe(0);
    await says(page, 'Complete on 0 of 1 node');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.waitFor({ state: 'detached' });
    await fleet.start('a');
    await page.getByText(HOME_AWAY).waitFor({ state: 'detached', timeout: SLOW_MS });
    await says(page, 'Complete on 1 of 1 node');
    await row(his, 'while the node is away').click({ timeout: SLOW_MS });
    await his.getByRole('article').getByText('first, and more').waitFor();

    await write(page, { to: bob, subject: 'while the hub is away', text: 'second' });
    await world.killHub();
    await page.getByText(HUB_AWAY).waitFor({ timeout: SLOW_MS });
    await letter.getByLabel('Message', { exact: true }).fill('second, and more');
    await letter.getByText('Kept on this device').waitFor();
    expect(await page.getByText(HOME_AWAY).count()).toBe(0);
    await world.startHub();
    await page.getByText(HUB_AWAY).waitFor({ state: 'detached', timeout: SLOW_MS });
    expect(await letter.getByLabel('Message', { exact: true }).inputValue()).toBe('second, and more');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await letter.waitFor({ state: 'detached' });
    await row(his, 'while the hub is away').click({ timeout: SLOW_MS });
    await his.getByRole('article').getByText('second, and more').waitFor();
  });
});
