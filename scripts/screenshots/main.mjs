/**
 * Pictures of the page for docs/screenshots: a home in a temporary folder, somebody with mail, a real browser. Run it after
 * `npm run build`: `npm run screenshots`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { sampleMail } from './sample-mail.mjs';

const PASSWORD = 'correct horse battery staple';
const MAIN = 'dist/bin/restante.js';
const OUT = process.argv[2] ?? 'docs/screenshots';
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SECTIONS = [
  ['Devices', 'settings'],
  ['Keys and password', 'settings-keys'],
  ['Completeness', 'settings-completeness'],
];
const folder = mkdtempSync(join(tmpdir(), 'restante-screenshots-'));
mkdirSync(OUT, { recursive: true });

const up = spawn(
  process.execPath,
  [MAIN, 'up', '--json', '--data', join(folder, 'home'), '--port', '0', '--registration', 'open'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] });
try {
  const [line] = await once(createInterface({ input: up.stdout }), 'line');
  const { home, node, operator, web } = JSON.parse(line);
  const own = `alice@${home}`;
  await welcome(web);
  await fill(web, own);
  await letter(`noor@${home}`, node, own);
  for (const colorScheme of ['light', 'dark']) {
    await desktop(web, own, colorScheme);
    await board(operator, colorScheme);
  }
  await phone(web, own);
} finally {
  await browser.close();
  up.kill('SIGTERM');
  await once(up, 'exit');
  rmSync(folder, { recursive: true, force: true });
}

/** The first account, made in the browser as whoever was given the link makes it. */
async function welcome(web) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1360, height: 860 } });
  const page = await context.newPage();
  await page.goto(`${web}#/welcome/link`);
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('The password again').fill(PASSWORD);
  await page.screenshot({ path: join(OUT, 'welcome-light.png') });
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('heading', { name: 'Recovery code' }).waitFor({ timeout: 60_000 });
  await page.screenshot({ path: join(OUT, 'recovery-code-light.png') });
  await context.close();
}

/** From somebody else's device: encrypted and signed. */
async function letter(from, node, to) {
  const env = { ...process.env, RESTANTE_PASSWORD: PASSWORD };
  const run = (...args) =>
    promisify(execFile)(process.execPath, [MAIN, ...args, '--profile', join(folder, 'noor')], { env });
  await run('account', 'new', from, '--node', node);
  const body = 'The key is under the blue pot, as always.\n\nNoor';
  await run('send', '--to', to, '--subject', 'Where the key is', '--body', body);
}

async function board(operator, colorScheme) {
  const context = await browser.newContext({ locale: 'en-GB', colorScheme, viewport: { width: 1360, height: 1150 } });
  const page = await context.newPage();
  await page.goto(operator);
  await page.locator('.uplot canvas').nth(2).waitFor();
  await page.waitForTimeout(12_000); // some figures to draw
  await page.screenshot({ path: join(OUT, `operator-${colorScheme}.png`) });
  await context.close();
}

/** Through JMAP, as any program would. */
async function fill(web, own) {
  const authorization = `Basic ${Buffer.from(`${own}:${PASSWORD}`).toString('base64')}`;
  const ask = async (path, init) => {
    const response = await fetch(new URL(path, web), { ...init, headers: { authorization, ...init?.headers } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const session = await ask('/.well-known/jmap');
  const [accountId] = Object.keys(session.accounts);
  const call = (...methodCalls) =>
    ask(session.apiUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'], methodCalls }),
    });
  const labels = { choir: { name: 'Choir' }, house: { name: 'House' } };
  const made = await call(['Mailbox/set', { accountId, create: labels }, '0']);
  const ids = made.methodResponses[0][1].created;
  for (const { keywords, mailbox, raw, receivedAt } of sampleMail(own)) {
    const { blobId } = await ask(session.uploadUrl.replace('{accountId}', accountId), { method: 'POST', body: raw });
    const label = /roof/i.test(raw) ? ids.house.id : /choir/i.test(raw) ? ids.choir.id : undefined;
    const email = {
      blobId,
      mailboxIds: { [mailbox]: true, ...(label === undefined ? {} : { [label]: true }) },
      keywords: Object.fromEntries(keywords.map((keyword) => [keyword, true])),
      receivedAt: `${receivedAt.toISOString().slice(0, 19)}Z`,
    };
    const answer = await call(['Email/import', { accountId, emails: { it: email } }, '0']);
    if (!answer.methodResponses[0][1].created?.it) throw new Error(JSON.stringify(answer.methodResponses));
  }
}

async function open(web, own, options) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  for (const kind of ['console', 'pageerror'])
    page.on(kind, (event) => event.type?.() === 'log' || console.warn(`${kind}: ${event.text?.() ?? event}`));
  await page.goto(web);
  await page.getByLabel('Address').fill(own);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  return page;
}

async function signIn(page) {
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('[data-position="0"] a').waitFor({ timeout: 60_000 });
  await page.waitForTimeout(500);
}

async function desktop(web, own, colorScheme) {
  const page = await open(web, own, { colorScheme, viewport: { width: 1360, height: 860 } });
  const take = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(OUT, `${name}-${colorScheme}.png`) });
  };
  const row = (subject) => page.locator('[data-position] a', { hasText: subject }).first();
  await take('sign-in');
  await signIn(page);
  await take('inbox');
  await row('Choir').click();
  await take('thread');
  await row('Your crossing').click();
  await page.frameLocator('iframe').locator('h1').waitFor();
  await take('html-mail');
  await row('Laborwerte').click();
  await page.getByRole('button', { name: /Laborwerte.pdf/ }).waitFor();
  await take('attachment');
  await page.keyboard.press('r');
  await page.getByLabel('Message', { exact: true }).pressSequentially('Thank you!');
  await take('reply');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('roof beams');
  await page.keyboard.press('Enter');
  await page.locator('mark').first().waitFor();
  await take('search');
  await page.getByRole('link', { name: /^Inbox/ }).click();
  await row('Keys').waitFor();
  for (const subject of ['Laborwerte', 'photos', 'Keys']) await page.getByLabel(`Select: ${subject}`).check();
  await page.keyboard.press('v');
  await page.getByRole('menu').waitFor();
  await take('select-and-move');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await take('keys');
  await page.keyboard.press('Escape');
  await row('Where the key is').click();
  await page.getByRole('button', { name: /in the public log/ }).click();
  await page.getByRole('dialog').locator('svg[role="img"]').waitFor();
  await take('sender-key');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Settings' }).click();
  for (const [name, file] of SECTIONS) {
    await page.getByRole('tab', { name }).click();
    await take(file);
  }
  await page.keyboard.press('Escape');
  await page.context().setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event('offline')));
  await page.context().close();
}

async function phone(web, own) {
  const page = await open(web, own, {
    viewport: { width: 390, height: 780 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
  });
  const take = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(OUT, `${name}-phone.png`) });
  };
  await signIn(page);
  await take('inbox');
  await page.getByRole('button', { name: 'Menu' }).tap();
  await take('menu');
  await page.getByRole('button', { name: 'Settings' }).tap();
  await page.getByRole('tab', { name: 'Devices' }).tap();
  await page.getByText('this window').waitFor();
  await take('settings');
  await page.getByRole('button', { name: 'Close', exact: true }).tap();
  await page.getByRole('button', { name: 'Close menu' }).tap({ position: { x: 370, y: 400 } });
  await page.locator('[data-position] a', { hasText: 'The roof' }).tap();
  await take('thread');
  await page.getByRole('button', { name: 'Reply', exact: true }).tap();
  await take('reply');
  await page.context().close();
}
