/** A home with its hub and its page as people run them (`restante up`), somebody with mail, and a real browser before it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { asPerson, PASSWORD } from './home-process.ts';
import { MAIN } from './program.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FIRST_LOGIN_MS = 60_000;

export function hasChromium(): boolean {
  return existsSync(CHROMIUM);
}

interface Ready {
  readonly home: string;
  readonly node: string;
  readonly web: string;
  readonly operator?: string;
  readonly invite?: string;
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

/** One message as Email/import takes it. */
export interface ImportedMail {
  readonly raw: string;
  readonly mailbox?: string;
  readonly keywords?: readonly string[];
}

export class WebHome implements AsyncDisposable {
  readonly web: string;
  readonly home: string;
  /** As `up` has said it. */
  readonly operator: string | undefined;
  readonly invite: string | undefined;
  /** Where clients reach the node. */
  readonly node: string;
  readonly #folder: string;
  readonly #browser: Browser;
  #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess, ready: Ready, browser: Browser) {
    this.#folder = folder;
    this.#child = child;
    this.#browser = browser;
    this.web = ready.web;
    this.home = ready.home;
    this.operator = ready.operator;
    this.invite = ready.invite;
    this.node = ready.node;
  }

  static async open(registration: 'open' | 'invite' = 'open'): Promise<WebHome> {
    await promisify(execFile)('npm', ['run', 'build', '--silent', '--workspace', 'web']);
    const folder = await mkdtemp(join(tmpdir(), 'restante-web-'));
    const [child, ready] = await start(folder, '0', '0', registration);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    return new WebHome(folder, child, ready, browser);
  }

  /** A new account with a device of its own. Returns its address. */
  async person(name: string): Promise<string> {
    const address = `${name}@${this.home}`;
    await asPerson(this.#profileOf(address), 'account', 'new', address, '--node', this.node);
    return address;
  }

  /** What a person does at their own device. */
  as<Result>(address: string, ...args: string[]): Promise<Result> {
    return asPerson<Result>(this.#profileOf(address), ...args);
  }

  /** The exact bytes, into the inbox; several at once. */
  async fillRaw(address: string, mails: readonly Uint8Array[]): Promise<void> {
    const ask = this.asker(address);
    const accountId = 'encrypted';
    for (const [index, body] of mails.entries()) {
      const { blobId } = await ask(`/jmap/upload/${accountId}/`, { method: 'POST', body: body.slice() });
      const emails = { it: { blobId, mailboxIds: { inbox: true } } };
      const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
      const request = { using, methodCalls: [['Email/import', { accountId, emails }, '0']] };
      const headers = { 'content-type': 'application/json' };
      const answer = await ask('/jmap/api', { method: 'POST', headers, body: JSON.stringify(request) });
      if (!JSON.stringify(answer).includes('"created":{"it"'))
        throw new Error(`message ${index} was not imported: ${JSON.stringify(answer).slice(0, 500)}`);
    }
  }

  /** Puts messages into somebody's mailboxes, as a JMAP program would. */
  async fill(address: string, mails: readonly ImportedMail[], inAccount = 'encrypted'): Promise<void> {
    const ask = this.asker(address);
    const accountId = inAccount;
    const inbox = inAccount === 'encrypted' ? 'inbox' : await this.#inboxOf(ask, inAccount);
    for (const { keywords = [], mailbox = inbox, raw } of mails) {
      const body = raw.replaceAll(/\r?\n/g, '\r\n');
      const { blobId } = await ask(`/jmap/upload/${accountId}/`, { method: 'POST', body });
      const it = {
        blobId,
        mailboxIds: { [mailbox]: true },
        keywords: Object.fromEntries(keywords.map((keyword) => [keyword, true])),
      };
      const request = {
        using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
        methodCalls: [['Email/import', { accountId, emails: { it } }, '0']],
      };
      const headers = { 'content-type': 'application/json' };
      const answer = await ask('/jmap/api', { method: 'POST', headers, body: JSON.stringify(request) });
      const [[, result]] = answer.methodResponses as [[string, { created?: { it?: unknown } }]];
      if (result.created?.it === undefined) throw new Error(`not imported: ${JSON.stringify(answer)}`);
    }
  }

  async #inboxOf(ask: ReturnType<WebHome['asker']>, accountId: string): Promise<string> {
    const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
    const methodCalls = [['Mailbox/query', { accountId, filter: { role: 'inbox' } }, '0']];
    const headers = { 'content-type': 'application/json' };
    const answer = await ask('/jmap/api', { method: 'POST', headers, body: JSON.stringify({ using, methodCalls }) });
    return (answer.methodResponses as [[string, { ids: [string] }]])[0][1].ids[0];
  }

  /** Asks the hub as somebody, beside the page. */
  asker(address: string): (path: string, init?: RequestInit) => Promise<Record<string, unknown>> {
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD.RESTANTE_PASSWORD}`).toString('base64')}`;
    return async (path, init = {}) => {
      const response = await fetch(new URL(path, this.web), { ...init, headers: { authorization, ...init.headers } });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as Record<string, unknown>;
    };
  }

  /** What the operator's page asks. */
  async operatorAsks(path: string): Promise<unknown> {
    const [, token = ''] = (this.operator ?? '').split('#');
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(new URL(`/operator/${path}`, this.web), { headers })).json();
  }

  /** The page, opened and not signed in. */
  async visit(address: string, size = { width: 1280, height: 800 }, path = '', more: object = {}): Promise<WebUser> {
    const place = { locale: 'en-GB', timezoneId: 'Europe/Berlin' };
    const options = { viewport: size, ...place, serviceWorkers: 'block', ...more } as const;
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    const strangeRequests: string[] = [];
    const complaints: string[] = [];
    context.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(this.web) && !/^(blob|data|about):/.test(url)) strangeRequests.push(url);
    });
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(path.startsWith('http') ? path : `${this.web}${path}`);
    return { address, page, context, strangeRequests, complaints };
  }

  async signIn(
    address: string,
    size?: { readonly width: number; readonly height: number },
    more: object = {},
  ): Promise<WebUser> {
    const user = await this.visit(address, size, '', more);
    const { page } = user;
    await page.getByLabel('Address').fill(address);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD.RESTANTE_PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Compose' }).first().waitFor({ timeout: FIRST_LOGIN_MS });
    return user;
  }

  /** As if the machine had lost power, and was switched on again; `meanwhile` runs while it is off. */
  async crash(meanwhile: () => Promise<void>): Promise<void> {
    await ended(this.#child, 'SIGKILL');
    try {
      await meanwhile();
    } finally {
      const ports = [this.node, this.web].map((url) => new URL(url).port) as [string, string];
      [this.#child] = await start(this.#folder, ...ports);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await ended(this.#child, 'SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  #profileOf(address: string): string {
    return join(this.#folder, 'profiles', address);
  }
}

/** Also of one that has ended by itself. */
async function ended(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await exit;
}

async function start(
  folder: string,
  port: string,
  hubPort: string,
  registration: 'open' | 'invite' = 'open',
): Promise<[ChildProcess, Ready]> {
  const options = [
    '--data',
    join(folder, 'home'),
    '--port',
    port,
    '--hub-port',
    hubPort,
    '--registration',
    registration,
  ];
  const child = spawn(process.execPath, [MAIN, 'up', '--json', '--log-level', 'error', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error('the home did not start');
  return [child, JSON.parse(first.value as string) as Ready];
}
