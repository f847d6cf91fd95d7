/**
 * JMAP at 100 000 emails (20 000 without --full): what a client's first screen, single changes, imports and searching cost,
 * through whole requests whose answers wait for the sealed journal on the disk, as at a hub; and how long a new mail takes to
 * those who listen. Messages are of the shape of real mail, with words of a skewed frequency. Rates are on the wall; CPU stands
 * beside them, since the disk and other programs take their share.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ManualClock, SeededPrng, SeededSecureRandom, SILENT_LOG } from '../src/base/index.ts';
import { SealedJournal } from '../src/hub/user-server/journal/sealed-journal.ts';
import { SealedBlobs } from '../src/hub/user-server/sealed-blobs.ts';
import {
  ALL_RIGHTS,
  type BlobStore,
  type Caller,
  createJmap,
  type Jmap,
  MailStore,
  type NewEmail,
  readMessage,
} from '../src/jmap/index.ts';
import type { Bench } from './bench-options.ts';
import { pushLatency } from './jmap-push.ts';

const ACCOUNT = 'a';
const USING = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
export const CALLER: Caller = {
  username: 'a@home.example',
  credential: 'bench',
  permissions: new Set(['read', 'write', 'send']),
  baseUrl: '',
};
const FILL_AT_ONCE = 1000;
const ROUNDS = 300;
const SETS = 3_000;
const IMPORT_AT_ONCE = 100;
const IMPORTS = 100;
/** A look at whether the process has nothing to do. */
const LOOK_MS = 250;
const IDLE_SHARE = 0.1;

export const benchJmap: Bench = async ({ full }) => {
  const emails = full ? 100_000 : 20_000;
  const rssBefore = process.memoryUsage().rss;
  const folder = await mkdtemp(join(tmpdir(), 'restante-bench-jmap-'));
  const { jmap, store, blobStore, journal } = await openStore(folder);
  const fillMs = await timed(async () => {
    fill(store, emails);
    await store.flush();
  });
  const rssBytesPerEmail = (process.memoryUsage().rss - rssBefore) / emails;
  await settled();
  const screen = await percentiles(ROUNDS, (round) => firstScreen(jmap, round % 2 === 0));
  const search = await percentiles(ROUNDS, (round) => run(jmap, [['Email/query', searchFor(round)]]));
  const sets = await percentiles(SETS, (round) => setOne(jmap, `m${emails - round}`, round));
  await settled();
  const changes = await percentiles(ROUNDS, () =>
    run(jmap, [['Email/changes', { sinceState: stateOf(store, emails) }]]),
  );
  const imports = await importRate(jmap, blobStore, emails);
  const push = await pushLatency(jmap, store, CALLER, (index) => deliver(store, emails + 100_000 + index));
  await jmap[Symbol.asyncDispose]();
  await journal[Symbol.asyncDispose]();
  store.close();
  await rm(folder, { recursive: true });
  return {
    emails,
    fillPerSecond: emails / (fillMs / 1000),
    rssBytesPerEmail,
    queryGetMsP50: screen.p50,
    queryGetMsP99: screen.p99,
    searchMsP50: search.p50,
    searchMsP99: search.p99,
    setPerSecond: 1000 / sets.mean,
    setCpuMicros: sets.cpuMicros,
    changesMsP50: changes.p50,
    importsPerSecond: imports.perSecond,
    importCpuMicros: imports.cpuMicros,
    ...push,
  };
};

export async function openStore(folder: string) {
  const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
  const random = new SeededSecureRandom(1);
  const hubKey = random.bytes(32);
  const checkFence = (): void => undefined;
  const onListenerError = (error: unknown): never => {
    throw error;
  };
  const journal = await SealedJournal.open(
    { random, log: SILENT_LOG, checkFence, onFailed: onListenerError },
    { folder: join(folder, 'journal'), hubKey, fence: 1, cache: 'disk' },
  );
  const blobStore = await SealedBlobs.open({ random, checkFence }, { folder: join(folder, 'blobs'), hubKey });
  const store = await MailStore.open({ journal, clock, random, onListenerError });
  const account = store.putAccount({
    id: ACCOUNT,
    name: 'a@home.example',
    isPersonal: true,
    isReadOnly: false,
    kind: 'local',
  });
  for (const [sortOrder, role] of ['inbox', 'archive'].entries())
    account.putMailbox(
      { id: role, name: role, parentId: null, role, sortOrder, isSubscribed: true, rights: ALL_RIGHTS },
      'agent',
    );
  const source = { isSizeKnown: () => true, raw: async () => undefined };
  return { store, blobStore, journal, jmap: createJmap({ store, blobStore, source, clock, random, log: SILENT_LOG }) };
}

const WORDS = Array.from({ length: 30_000 }, (_, index) => `w${index.toString(36)}${'aeiou'[index % 5]}n`);

function messageOf(prng: SeededPrng, index: number): Buffer {
  // Few words are frequent and most are rare, as in any language.
  const word = (): string => WORDS[Math.floor(WORDS.length * prng.next() ** 4)] ?? '';
  const words = (count: number): string => Array.from({ length: count }, word).join(' ');
  const parent =
    index % 3 === 0 ? '' : `In-Reply-To: <${index - (index % 3)}@x>\r\nReferences: <${index - (index % 3)}@x>\r\n`;
  return Buffer.from(
    `Received: from a.example (a.example [192.0.2.1]) by b.example with ESMTP id ${index}; Sun, 1 Mar 2026 12:00:00 +0000\r\n` +
      `From: "Person ${index % 500}" <p${index % 500}@x.example>\r\nTo: a@home.example\r\n` +
      `Subject: ${index % 3 === 0 ? '' : 'Re: '}thread ${index - (index % 3)}\r\nMessage-ID: <${index}@x>\r\n${parent}` +
      `Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n` +
      `${Array.from({ length: 12 }, () => words(12)).join('\r\n')}\r\n`,
  );
}

export function fill(store: MailStore, count: number): void {
  const prng = new SeededPrng(1);
  const account = store.account(ACCOUNT);
  for (let from = 0; from < count; from += FILL_AT_ONCE) {
    const batch = Array.from({ length: Math.min(FILL_AT_ONCE, count - from) }, (_, offset): NewEmail => {
      const raw = messageOf(prng, from + offset);
      return {
        id: `m${from + offset}`,
        size: raw.length,
        receivedAt: 1_700_000_000_000 + (from + offset) * 60_000,
        keywords: prng.below(10) === 0 ? [] : ['$seen'],
        mailboxIds: [prng.below(5) === 0 ? 'archive' : 'inbox'],
        ...readMessage(raw),
      };
    });
    account?.putEmails(batch, 'agent');
  }
}

/** As an agent brings one. */
export function deliver(store: MailStore, index: number): void {
  const raw = messageOf(new SeededPrng(index), index);
  const place = {
    size: raw.length,
    receivedAt: 1_700_000_000_000 + index * 60_000,
    keywords: [],
    mailboxIds: ['inbox'],
  };
  store.account(ACCOUNT)?.putEmails([{ id: `m${index}`, ...place, ...readMessage(raw) }], 'agent', 'delivered');
}

async function run(jmap: Jmap, calls: readonly (readonly [string, object])[]): Promise<void> {
  const methodCalls = calls.map(([name, args], index) => [name, { accountId: ACCOUNT, ...args }, `${index}`]);
  const bytes = Buffer.from(JSON.stringify({ using: USING, methodCalls }));
  const { methodResponses } = await jmap.api(bytes, CALLER, new AbortController().signal);
  const failed = methodResponses.find(([name]) => name === 'error');
  if (failed !== undefined) throw new Error(JSON.stringify(failed));
  JSON.stringify(methodResponses);
}

const LIST_PROPERTIES = [
  'threadId',
  'mailboxIds',
  'keywords',
  'from',
  'to',
  'subject',
  'receivedAt',
  'preview',
  'hasAttachment',
];

function firstScreen(jmap: Jmap, collapseThreads: boolean): Promise<void> {
  return run(jmap, [
    ['Email/query', { filter: { inMailbox: 'inbox' }, collapseThreads, limit: 50, calculateTotal: true }],
    ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: LIST_PROPERTIES }],
  ]);
}

/** Frequent words and rare ones, alone and together. */
function searchFor(round: number): object {
  const text = [WORDS[round], WORDS[round * 90], `${WORDS[round]} ${WORDS[round + 50]}`][round % 3];
  return { filter: round % 2 === 0 ? { text } : { inMailbox: 'inbox', text }, limit: 50 };
}

function setOne(jmap: Jmap, id: string, round: number): Promise<void> {
  return run(jmap, [['Email/set', { update: { [id]: { 'keywords/$flagged': round % 2 === 0 ? true : null } } }]]);
}

/** A state some changes ago. */
function stateOf(store: MailStore, emails: number): string {
  const state = store.account(ACCOUNT)?.state('Email') ?? '';
  return `${state.split('-')[0]}-${emails}`;
}

/** As programs import: a hundred are uploaded, which is not counted, and imported by one call. */
async function importRate(jmap: Jmap, blobStore: BlobStore, first: number) {
  const prng = new SeededPrng(2);
  let [ms, cpuMicros] = [0, 0];
  for (let round = 0; round < IMPORTS; round++) {
    const ids: string[] = [];
    for (let at = 0; at < IMPORT_AT_ONCE; at++)
      ids.push(await upload(blobStore, messageOf(prng, first + round * IMPORT_AT_ONCE + at)));
    const emails = Object.fromEntries(ids.map((blobId) => [blobId, { blobId, mailboxIds: { inbox: true } }]));
    const before = process.cpuUsage();
    ms += await timed(() => run(jmap, [['Email/import', { emails }]]));
    cpuMicros += cpuMicrosSince(before);
  }
  const count = IMPORTS * IMPORT_AT_ONCE;
  return { perSecond: count / (ms / 1000), cpuMicros: cpuMicros / count };
}

async function upload(blobStore: BlobStore, raw: Uint8Array): Promise<string> {
  const { signal } = new AbortController();
  const pieces = (async function* () {
    yield raw;
  })();
  return (await blobStore.put(ACCOUNT, pieces, signal)).id;
}

/** The journal of a mailbox that has just been filled is put in order: that is no part of what one change costs. */
async function settled(): Promise<void> {
  for (let busy = 1; busy > IDLE_SHARE; ) {
    const before = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    busy = performance.eventLoopUtilization(before).utilization;
  }
}

async function timed(work: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function cpuMicrosSince(before: NodeJS.CpuUsage): number {
  const { system, user } = process.cpuUsage(before);
  return system + user;
}

async function percentiles(rounds: number, work: (round: number) => Promise<void>) {
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let round = 1; round <= rounds; round++) times.push(await timed(() => work(round)));
  const cpuMicros = cpuMicrosSince(before) / rounds;
  const mean = times.reduce((sum, ms) => sum + ms, 0) / rounds;
  times.sort((a, b) => a - b);
  return { p50: times[rounds >> 1] ?? 0, p99: times[Math.floor(rounds * 0.99)] ?? 0, mean, cpuMicros };
}
