/** A real browser before a page that a hub serves. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Nobody takes these letters back: they are not held for the seconds in which somebody could (RFC 4865). */
const HOLD_NOTHING = `{
  const { fetch } = globalThis;
  const atOnce = (body) => (typeof body === 'string' ? body.replace(/"HOLDFOR":"\\d+"/, '"HOLDFOR":"0"') : body);
  globalThis.fetch = (url, init) => fetch(url, { ...init, body: atOnce(init?.body) });
}`;

export function hasChromium(): boolean {
  return existsSync(CHROMIUM);
}

/** `camera`: the file of pictures that it sees. */
export function openBrowser(camera: string): Promise<Browser> {
  const args = ['--no-sandbox', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${camera}`];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

export interface WebUser {
  readonly address: string;
  readonly page: Page;
  readonly context: BrowserContext;
  /** Of every request that left the browser, but for the hub's own. */
  readonly strangeRequests: readonly string[];
  /** What the browser complained about: refused styles and scripts, errors. */
  readonly complaints: readonly string[];
}

export interface Visit extends BrowserContextOptions {
  /** What comes after the hub's address; or a whole one. */
  readonly path?: string;
  readonly sendsAtOnce?: boolean;
}

/** The page at a hub, opened and not signed in. */
export async function visitPage(browser: Browser, web: string, address: string, visit: Visit): Promise<WebUser> {
  const { path = '', sendsAtOnce = false, ...more } = visit;
  const viewport = { width: 1280, height: 800 };
  const place = { locale: 'en-GB', timezoneId: 'Europe/Berlin' };
  const context = await browser.newContext({ viewport, ...place, serviceWorkers: 'block', ...more });
  if (sendsAtOnce) await context.addInitScript(HOLD_NOTHING);
  const page = await context.newPage();
  const strangeRequests: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(web) && !/^(blob|data|about):/.test(url)) strangeRequests.push(url);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(path.startsWith('http') ? path : `${web}${path}`);
  return { address, page, context, strangeRequests, complaints };
}
