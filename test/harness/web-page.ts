/** What people do and see in the page, as tests say it. */
import type { Locator, Page } from 'playwright-core';
import { PASSWORD } from './home-process.ts';
import type { ImportedMail } from './web-home.ts';

/** Somebody's first login at a hub, which makes it a device of theirs, on a machine that is busy. */
const FIRST_LOGIN_MS = 60_000;

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];

/** Of a thread in the list. */
export const row = (page: Page, subject: string): Locator =>
  page.locator('[data-position] a', { hasText: subject }).first();

/** What stands somewhere because it was put there. */
export const mail = (subject: string, headers = ''): ImportedMail => ({
  raw: `From: Carol <c@x.example>\nSubject: ${subject}\n${headers}\nwords\n`,
});

export async function signInAt(page: Page, address: string): Promise<void> {
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Compose' }).first().waitFor({ timeout: FIRST_LOGIN_MS });
}

export interface Words {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export async function write(page: Page, { subject, text, to }: Words): Promise<void> {
  await page.keyboard.press('c');
  const letter = page.getByRole('dialog');
  await letter.getByLabel('To', { exact: true }).fill(to);
  await letter.getByLabel('Subject').fill(subject);
  await letter.getByLabel('Message', { exact: true }).fill(text);
}

export async function send(page: Page, words: Words): Promise<void> {
  await write(page, words);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

export async function openSettings(page: Page, section?: string): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  if (section !== undefined) await page.getByRole('tab', { name: section }).click();
}

export async function closeSettings(page: Page): Promise<void> {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Settings' }).waitFor({ state: 'detached' });
}

export interface OtherAccount {
  readonly address: string;
  readonly password: string;
  readonly imapPort: number;
}

/** An IMAP account of `alice` that only receives, at a server on this machine. */
export async function typeAccount(page: Page, { address, imapPort, password }: OtherAccount): Promise<void> {
  await page.getByLabel('Mail address').fill(address);
  await page.getByLabel('Its password').fill(password);
  await page.getByText('Servers', { exact: true }).click();
  await page.getByLabel('User name').fill('alice');
  await page.getByLabel('Incoming (IMAP)', { exact: true }).fill('127.0.0.1');
  await page.getByLabel('Incoming (IMAP): Encryption').selectOption('none');
  await page.getByLabel('Incoming (IMAP): Port').fill(String(imapPort));
  await page.getByLabel('Only for reading').check();
}

/** Types back the group that is asked for. Returns the whole code. */
export async function keepCode(page: Page): Promise<string> {
  await page.locator('.code span').last().waitFor({ timeout: FIRST_LOGIN_MS });
  const groups = await page.locator('.code span').allTextContents();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  const field = page.getByLabel('To be sure: type the');
  await field.fill('XXXX');
  await page.keyboard.press('Enter');
  await page.getByText('That is another group.').waitFor();
  const asked = (await page.locator('label', { hasText: 'To be sure: type the' }).textContent()) ?? '';
  const nth = ORDINALS.findIndex((ordinal) => asked.includes(` ${ordinal} `));
  await field.fill((groups[nth] ?? '').toLowerCase());
  await page.keyboard.press('Enter');
  return groups.join('-');
}
