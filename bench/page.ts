/**
 * The page in Chromium over a mailbox of 100 000 emails (20 000 without --full): how long until its list can be used, from a
 * browser that has never seen it; how long its tasks are while all of the list is scrolled through; how soon a mail is on the
 * screen that has come to the store, and, at a whole home (`restante up`), that the node has accepted. The store and its JMAP
 * are a hub's own, in this process; what stands between them at a hub, a control server that passes requests on, is in the
 * last figure alone. Times are on the wall, and for tasks also of the thread's own CPU, since other programs take their share.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { type Browser, type Page as BrowserPage, chromium } from 'playwright-core';
import { SILENT_LOG } from '../src/base/index.ts';
import { Page } from '../src/hub/page/page.ts';
import { type Jmap, type MailStore, mountJmap } from '../src/jmap/index.ts';
import { asPerson, PASSWORD } from '../test/harness/home-process.ts';
import { MAIN } from '../test/harness/program.ts';
import { WebHome } from '../test/harness/web-home.ts';
import { keepCode } from '../test/harness/web-page.ts';
import type { Bench } from './bench-options.ts';
import { CALLER, deliver, fill, openStore } from './jmap.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const STARTS = 9;
const ARRIVALS = 15;
const SENDS = 9;
const FIRST_RUNS = 5;
/** The whole list passes in so many frames: each one shows other rows than the one before. */
const SCROLL_FRAMES = 600;
const PATIENCE_MS = 60_000;

/** Before the page's own scripts: who is signed in. */
const SIGNED_IN = `sessionStorage.setItem('restante.login', '${JSON.stringify({ address: 'a@home.example', token: 'bench', slotId: 'bench' })}');`;
/** When each row was first painted, by its text. */
const WATCH = `
  globalThis.paintedAt = {};
  new MutationObserver(() => {
    for (const row of document.querySelectorAll('[data-position] a')) {
      const text = row.textContent;
      if (text in paintedAt) continue;
      paintedAt[text] = undefined;
      requestAnimationFrame(() => setTimeout(() => { paintedAt[text] = { sinceStart: performance.now(), at: Date.now() }; }));
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
`;

export const benchPage: Bench = async ({ full }) => {
  const emails = full ? 100_000 : 20_000;
  const folder = await mkdtemp(join(tmpdir(), 'restante-bench-page-'));
  const { jmap, store, journal } = await openStore(folder);
  fill(store, emails);
  await store.flush();
  const server = await serve(jmap);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const url = urlOf(server);
    const starts: number[] = [];
    for (let start = 0; start < STARTS; start++) starts.push(await startMs(browser, url));
    const page = await openPage(browser, url);
    const arrivals = await arrivalsMs(page, store, emails);
    const scrolled = await scrollTrace(browser, page);
    await browser.close();
    const accepted = await acceptedMs();
    const firstRuns = await firstRunsMs();
    return {
      emails,
      ...spread('startMs', starts),
      ...spread('storedToPaintedMs', arrivals),
      ...scrolled,
      ...spread('acceptedToPaintedMs', accepted),
      ...spread('firstRunMs', firstRuns),
    };
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
    await jmap[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    store.close();
    await rm(folder, { recursive: true });
  }
};

async function serve(jmap: Jmap): Promise<Server> {
  const files = await Page.open('dist/web');
  if (files === undefined) throw new Error('there is no page in dist/web: npm run build');
  const fastify = Fastify();
  const callerOf = () => ({ ...CALLER, baseUrl: '/jmap' });
  await mountJmap(fastify, { jmap, log: SILENT_LOG, callerOf }, '/jmap');
  fastify.get('/.well-known/jmap', () => jmap.session(callerOf()));
  await fastify.ready();
  const server = createServer((request, response) => {
    if (!files.answer(request, response)) fastify.routing(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens nowhere');
  return `http://127.0.0.1:${address.port}/`;
}

/** In a context of its own: nothing is in its cache. */
async function openPage(browser: Browser, url: string): Promise<BrowserPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, serviceWorkers: 'block' });
  const page = await context.newPage();
  await page.addInitScript(SIGNED_IN + WATCH);
  await page.goto(url);
  await waitIn(page, 'Object.values(paintedAt).some(Boolean)');
  return page;
}

async function startMs(browser: Browser, url: string): Promise<number> {
  const page = await openPage(browser, url);
  const ms = await page.evaluate<number>(
    'Math.min(...Object.values(paintedAt).filter(Boolean).map(({ sinceStart }) => sinceStart))',
  );
  await page.context().close();
  return ms;
}

async function arrivalsMs(page: BrowserPage, store: MailStore, emails: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < ARRIVALS; index++) {
    // Each third message begins a thread, whose subject nothing else has.
    const message = Math.ceil((emails * 2) / 3) * 3 + index * 3;
    const before = Date.now();
    deliver(store, message);
    times.push((await paintedAt(page, `thread ${message}`)) - before);
  }
  return times;
}

/** Until it holds. The page's policy lets nobody else evaluate words, so that it is asked in the debugger's own. */
async function waitIn(page: BrowserPage, condition: string): Promise<void> {
  await page.evaluate(`new Promise((resolve, reject) => {
    const giveUpAt = Date.now() + ${PATIENCE_MS};
    const look = () => {
      if (${condition}) resolve();
      else if (Date.now() > giveUpAt) reject(new Error('nothing was painted'));
      else setTimeout(look, 5);
    };
    look();
  })`);
}

async function paintedAt(page: BrowserPage, subject: string): Promise<number> {
  const find = `Object.entries(paintedAt).find(([text, time]) => time && text.includes(${JSON.stringify(subject)}))`;
  await waitIn(page, find);
  return page.evaluate<number>(`${find}[1].at`);
}

interface TraceEvent {
  readonly name: string;
  readonly tid: number;
  readonly pid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** What ran on the page's main thread while the list went by from its first row to its last. */
async function scrollTrace(browser: Browser, page: BrowserPage) {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
  await page.evaluate(`new Promise((resolve) => {
    const scroller = document.querySelector('[data-position]').closest('div');
    let frame = 0;
    const step = () => {
      scroller.scrollTop = (scroller.scrollHeight * ++frame) / ${SCROLL_FRAMES};
      if (frame < ${SCROLL_FRAMES}) requestAnimationFrame(step);
      else resolve();
    };
    requestAnimationFrame(step);
  })`);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threads = traceEvents.filter(({ args, name }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const isMain = ({ pid, tid }: TraceEvent): boolean =>
    threads.some((thread) => thread.pid === pid && thread.tid === tid);
  const tasks = traceEvents.filter((event) => /RunTask$/.test(event.name) && isMain(event));
  const longest = (of: (event: TraceEvent) => number | undefined): number =>
    Math.max(...tasks.map((task) => (of(task) ?? 0) / 1_000));
  return {
    scrollTasks: tasks.length,
    longestTaskMs: longest(({ dur }) => dur),
    longestTaskCpuMs: longest(({ tdur }) => tdur),
    tasksOver50Ms: tasks.filter(({ dur = 0 }) => dur > 50_000).length,
  };
}

/** From the link that `up` prints to the inbox, with all forms filled in at once: what a person types and reads comes besides. */
async function firstRunsMs(): Promise<number[]> {
  await using home = await WebHome.open('invite');
  const { RESTANTE_PASSWORD: password } = PASSWORD;
  const times: number[] = [];
  for (let run = 0; run < FIRST_RUNS; run++) {
    const { invite } = await home.operatorAsks<{ readonly invite: string }>('invite', 'POST');
    const begun = performance.now();
    const { context, page } = await home.visit(`person${run}`, { path: `#/welcome/${invite}` });
    await page.getByLabel('Name').fill(`person${run}`);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByLabel('The password again').fill(password);
    await page.getByRole('button', { name: 'Make the account' }).click();
    await keepCode(page);
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByRole('button', { name: 'Compose' }).first().waitFor();
    times.push(performance.now() - begun);
    await context.close();
  }
  return times;
}

/** From when the sender's program has the node's receipt to the screen: some milliseconds after the node has accepted. */
async function acceptedMs(): Promise<number[]> {
  await using home = await WebHome.open();
  const profile = await mkdtemp(join(tmpdir(), 'restante-bench-sender-'));
  const bob = `bob@${home.home}`;
  await asPerson(profile, 'account', 'new', bob, '--node', home.node);
  const { page, address } = await home.signIn(await home.person('alice'));
  await page.evaluate(WATCH);
  const times: number[] = [];
  for (let index = 0; index < SENDS; index++) {
    const subject = `mail number ${index} of the bench`;
    const letter = ['--to', address, '--subject', subject, '--body', 'words'];
    const sending = spawn(process.execPath, [MAIN, 'send', ...letter, '--json', '--profile', profile], {
      env: { ...process.env, ...PASSWORD },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(sending.stdout, 'data');
    const told = Date.now();
    times.push((await paintedAt(page, subject)) - told);
  }
  await rm(profile, { recursive: true });
  return times;
}

function spread(name: string, times: readonly number[]): Record<string, number> {
  const sorted = times.toSorted((a, b) => a - b);
  return { [`${name}P50`]: sorted[sorted.length >> 1] ?? 0, [`${name}Max`]: sorted.at(-1) ?? 0 };
}
