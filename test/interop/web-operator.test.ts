/** The operator's page in a real Chromium: its own login, figures, acts, and nothing of anybody's mail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { Program } from '../harness/program.ts';
import { seriousViolations } from '../harness/web-faults.ts';
import { WebHome } from '../harness/web-home.ts';
import { send } from '../harness/web-page.ts';
import { LACKS_CHROMIUM, test } from '../harness/web-test.ts';

const SLOW_MS = 60_000;

interface Status {
  readonly accounts: readonly { readonly address: string; readonly banned: boolean }[];
  readonly hub: {
    readonly users: readonly { readonly user: string; readonly ageMs: number; readonly residentBytes: number }[];
  };
  readonly federation: readonly {
    readonly home: string;
    readonly failures: number;
    readonly lastSuccessAt?: number;
  }[];
}

/** What listens everywhere listens here too. */
const loopback = (url: string): string => url.replace('0.0.0.0', '127.0.0.1');

// It needs a browser to look at a page with.
describe.skipIf(LACKS_CHROMIUM)('the operator’s page', () => {
  test('shows figures and what to do to whoever has the token of this start, and no mail', async ({ home }) => {
    const alice = await home.person('alice');
    await home.fill(alice, [{ raw: 'Subject: a private word\nFrom: <x@x.example>\n\nhoneysuckle\n' }]);
    const { complaints, page, strangeRequests } = await home.visit(alice, { path: home.operator });
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
  });

  test('has buttons that do what they say: bans and allows, restarts, invites, copies, and tries a home again', async ({
    home: other,
  }) => {
    await using home = await WebHome.open('invite');
    const { page: operator } = await home.visit('operator', { path: home.operator });
    await operator.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const status = async (): Promise<Status> => (await home.operatorAsks('status')) as Status;

    // An invitation opens the way in, once it is copied.
    await operator.getByRole('button', { name: 'Invite somebody' }).click();
    await operator.getByRole('button', { name: 'Copy' }).click();
    const link = await operator.evaluate<string>('navigator.clipboard.readText()');
    const { page } = await home.visit('alice', { path: link });
    await page.getByLabel('Name').fill('alice');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
    await page.getByLabel('The password again').fill(PASSWORD.RESTANTE_PASSWORD);
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('heading', { name: 'Recovery code' }).waitFor({ timeout: SLOW_MS });
    await page.context().close();
    const alice = await home.signIn(`alice@${home.home}`, { sendsAtOnce: true });

    operator.once('dialog', (dialog) => void dialog.accept());
    await operator.getByRole('button', { name: `Block ${alice.address}` }).click();
    await operator.getByText(`${alice.address}, blocked`).waitFor({ timeout: SLOW_MS });
    const isBanned = async () => (await status()).accounts.find(({ address }) => address === alice.address)?.banned;
    expect(await isBanned()).toBe(true);
    await operator.getByRole('button', { name: `Unblock ${alice.address}` }).click();
    await expect.poll(isBanned, { timeout: SLOW_MS }).toBe(false);

    // The age of a program that was started anew is less than that of the one before.
    const age = async () => (await status()).hub.users.find(({ user }) => user === alice.address)?.ageMs ?? Infinity;
    const before = await age();
    const program = operator.locator('section', { has: operator.getByRole('heading', { name: 'User servers' }) });
    const figures = program.getByRole('row', { name: new RegExp(alice.address) }).getByRole('cell');
    await expect.poll(() => figures.nth(1).textContent(), { timeout: SLOW_MS }).toBe('running');
    const [, megabytes = ''] = /^([\d.]+) MB$/.exec((await figures.nth(3).textContent()) ?? '') ?? [];
    const { residentBytes = 0 } = (await status()).hub.users.find(({ user }) => user === alice.address) ?? {};
    // Between two looks it grows and shrinks.
    expect(Number(megabytes) / (residentBytes / 1_000_000)).toBeCloseTo(1, 0);
    await operator.getByRole('button', { name: `Restart ${alice.address}` }).click();
    await expect.poll(age, { timeout: SLOW_MS }).toBeLessThan(before);
    await alice.page.getByRole('button', { name: 'Compose' }).first().waitFor();

    const bob = await other.person('bob');
    const toBob = (subject: string): Promise<void> => send(alice.page, { to: bob, subject, text: 'words' });
    await toBob('while it is there');
    const to = async () => (await status()).federation.find((one) => one.home === other.home);
    await expect.poll(async () => (await to())?.lastSuccessAt ?? 0, { timeout: SLOW_MS }).toBeGreaterThan(0);
    await other.crash(async () => {
      await toBob('while it is away');
      const failures = async (): Promise<number> => (await to())?.failures ?? 0;
      await expect.poll(failures, { timeout: SLOW_MS }).toBeGreaterThan(4);
      // What is tried again by itself fails once more than before; what somebody asks for begins at the first try.
      await operator.getByRole('button', { name: `Try now ${other.home}` }).click();
      await expect.poll(failures, { timeout: SLOW_MS, interval: 100 }).toBeLessThan(4);
    });
  });

  test('is not there where strangers can reach the hub, unless the operator asks for it', async ({ home }) => {
    for (const [asked, isServed] of [
      [[], false],
      [['--operator-page'], true],
    ] as const) {
      const folder = await mkdtemp(join(tmpdir(), 'restante-beyond-'));
      const place = ['--data', folder, '--port', '0', '--hub-port', '0', '--host', '0.0.0.0', '--behind-proxy'];
      const program = await Program.open(['up', '--json', '--log-level', 'error', ...place, ...asked]);
      try {
        const { operator, web } = JSON.parse(program.ready) as { readonly operator?: string; readonly web: string };
        expect(operator !== undefined).toBe(isServed);
        const [, token = 'guessed'] = operator?.split('#') ?? [];
        const { context, page } = await home.visit('nobody', { path: `${loopback(web)}operator.html#${token}` });
        if (isServed) await page.getByRole('heading', { name: 'Health' }).waitFor();
        else await page.getByText('or the page is off here').waitFor();
        await context.close();
        const headers = { authorization: `Bearer ${token}` };
        expect((await fetch(`${loopback(web)}operator/status`, { headers })).status).toBe(isServed ? 200 : 404);
      } finally {
        await program.stop();
        await rm(folder, { recursive: true, force: true });
      }
    }
  });

  test('opens to nobody without the token', async ({ home }) => {
    const { page } = await home.visit('nobody', { path: 'operator.html' });
    await page.getByLabel('Token').fill('guessed');
    await page.keyboard.press('Enter');
    await page.getByText('That is not the token of this start').waitFor();
    expect(await seriousViolations(page)).toEqual([]);
    const answer = await fetch(new URL('/operator/status', home.web));
    expect(answer.status).toBe(401);
  });
});
