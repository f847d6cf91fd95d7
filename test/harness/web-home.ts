/** A home with its hub and its page as people run them (`restante up`), somebody with mail, and a real browser before it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { buildPage } from './built-page.ts';
import { asPerson, PASSWORD } from './home-process.ts';
import { MAIN } from './program.ts';
import { openBrowser, type Visit, visitPage, type WebUser } from './web-browser.ts';
import { signInAt } from './web-page.ts';

export type { Visit, WebUser };

const USING = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
const JSON_HEADERS = { 'content-type': 'application/json' };
/** As many as a hub takes at once. */
const UPLOADS_AT_ONCE = 8;
interface Ready {
  readonly home: string;
  readonly node: string;
  readonly web: string;
  readonly operator?: string;
  readonly invite?: string;
}

/** One message as Email/import takes it. */
export interface ImportedMail {
  /** As it is in the file; text with the line ends of mail. */
  readonly raw: string | Uint8Array;
  readonly mailbox?: string;
  readonly keywords?: readonly string[];
}

export class WebHome implements AsyncDisposable {
  readonly #folder: string;
  readonly #browser: Browser;
  #child: ChildProcess;
  /** As `up` has said it. */
  #ready: Ready;

  private constructor(folder: string, child: ChildProcess, ready: Ready, browser: Browser) {
    this.#folder = folder;
    this.#child = child;
    this.#browser = browser;
    this.#ready = ready;
  }

  get web(): string {
    return this.#ready.web;
  }

  get home(): string {
    return this.#ready.home;
  }

  /** Where clients reach the node. */
  get node(): string {
    return this.#ready.node;
  }

  /** The link of this start. */
  get operator(): string {
    return this.#ready.operator ?? '';
  }

  get invite(): string | undefined {
    return this.#ready.invite;
  }

  /** What the browser's camera sees: a file of JPEG pictures, one after another, which tests write. */
  get camera(): string {
    return cameraIn(this.#folder);
  }

  /** `args` are more of what `up` takes; whoever crashes it starts it without them. */
  static async open(registration: 'open' | 'invite' = 'open', args: readonly string[] = []): Promise<WebHome> {
    await buildPage();
    const folder = await mkdtemp(join(tmpdir(), 'restante-web-'));
    const [child, ready] = await start(folder, '0', '0', registration, args);
    const browser = await openBrowser(cameraIn(folder));
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

  /** Puts messages into somebody's mailboxes, as a JMAP program would. */
  async fill(address: string, mails: readonly ImportedMail[], accountId = 'encrypted'): Promise<void> {
    const inbox = accountId === 'encrypted' ? 'inbox' : await this.#inboxOf(address, accountId);
    for (let start = 0; start < mails.length; start += UPLOADS_AT_ONCE) {
      const creations = mails
        .slice(start, start + UPLOADS_AT_ONCE)
        .map(async ({ keywords = [], mailbox = inbox, raw }) => ({
          blobId: await this.#upload(address, accountId, raw),
          mailboxIds: { [mailbox]: true },
          keywords: Object.fromEntries(keywords.map((keyword) => [keyword, true])),
        }));
      const emails = Object.fromEntries((await Promise.all(creations)).entries());
      const [{ notCreated }] = await this.call<[{ notCreated?: object | null }]>(address, [
        ['Email/import', { accountId, emails }, '0'],
      ]);
      if (Object.keys(notCreated ?? {}).length > 0) throw new Error(`not imported: ${JSON.stringify(notCreated)}`);
    }
  }

  /** JMAP, as somebody; the answers without their names. */
  async call<Results>(address: string, methodCalls: readonly unknown[]): Promise<Results> {
    const body = JSON.stringify({ using: USING, methodCalls });
    const answer = await this.asker(address)('/jmap/api', { method: 'POST', headers: JSON_HEADERS, body });
    return (answer.methodResponses as [string, unknown][]).map(([, result]) => result) as Results;
  }

  async #upload(address: string, accountId: string, raw: string | Uint8Array): Promise<unknown> {
    const body = typeof raw === 'string' ? raw.replaceAll(/\r?\n/g, '\r\n') : raw.slice();
    return (await this.asker(address)(`/jmap/upload/${accountId}/`, { method: 'POST', body })).blobId;
  }

  async #inboxOf(address: string, accountId: string): Promise<string> {
    const query = ['Mailbox/query', { accountId, filter: { role: 'inbox' } }, '0'];
    const [{ ids }] = await this.call<[{ ids: [string] }]>(address, [query]);
    return ids[0];
  }

  /** Asks the hub as somebody, beside the page. */
  asker(address: string): <Answer = Record<string, unknown>>(path: string, init?: RequestInit) => Promise<Answer> {
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD.RESTANTE_PASSWORD}`).toString('base64')}`;
    return async <Answer>(path: string, init: RequestInit = {}) => {
      const response = await fetch(new URL(path, this.web), { ...init, headers: { authorization, ...init.headers } });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as Answer;
    };
  }

  /** What the operator's page asks. */
  async operatorAsks<Answer>(path: string, method: 'GET' | 'POST' = 'GET'): Promise<Answer> {
    const [, token = ''] = this.operator.split('#');
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(new URL(`/operator/${path}`, this.web), { method, headers })).json() as Promise<Answer>;
  }

  /** The page, opened and not signed in. */
  visit(address: string, visit: Visit = {}): Promise<WebUser> {
    return visitPage(this.#browser, this.web, address, visit);
  }

  async signIn(address: string, visit?: Visit): Promise<WebUser> {
    const user = await this.visit(address, visit);
    await signInAt(user.page, address);
    return user;
  }

  /** As if the machine had lost power, and was switched on again; `meanwhile` runs while it is off. */
  async crash(meanwhile: () => Promise<void>): Promise<void> {
    await ended(this.#child, 'SIGKILL');
    try {
      await meanwhile();
    } finally {
      const ports = [this.node, this.web].map((url) => new URL(url).port) as [string, string];
      [this.#child, this.#ready] = await start(this.#folder, ...ports);
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

function cameraIn(folder: string): string {
  return join(folder, 'camera.mjpeg');
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
  args: readonly string[] = [],
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
    ...args,
  ];
  const child = spawn(process.execPath, [MAIN, 'up', '--json', '--log-level', 'error', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error('the home did not start');
  return [child, JSON.parse(first.value as string) as Ready];
}
