/**
 * JMAP at 100 000 emails (20 000 without --full): what a client's first screen, single changes, imports and searching cost,
 * through whole requests with a journal in memory. Messages are of the shape of real mail, with words of a skewed frequency.
 */
import { performance } from 'node:perf_hooks';
import { ManualClock, SeededPrng, SeededSecureRandom, SILENT_LOG } from '../src/base/index.ts';
import {
  ALL_RIGHTS,
  type Caller,
  createJmap,
  type Jmap,
  MailStore,
  MemoryBlobStore,
  MemoryJournal,
  type NewEmail,
  readMessage,
} from '../src/jmap/index.ts';
import type { Bench } from './bench-options.ts';

const ACCOUNT = 'a';
const USING = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
const CALLER: Caller = {
  username: 'a@home.example',
  credential: 'bench',
  permissions: new Set(['read', 'write', 'send']),
  baseUrl: '',
};
const FILL_AT_ONCE = 1000;
const ROUNDS = 300;
const IMPORT_AT_ONCE = 100;

export const benchJmap: Bench = async ({ full }) => {
  const emails = full ? 100_000 : 20_000;
  const rssBefore = process.memoryUsage().rss;
  const { jmap, store, blobStore } = await openStore();
  const fillMs = await timed(() => fill(store, emails));
  const rssBytesPerEmail = (process.memoryUsage().rss - rssBefore) / emails;
  const screen = await percentiles(ROUNDS, (round) => firstScreen(jmap, round % 2 === 0));
  const search = await percentiles(ROUNDS, (round) => run(jmap, [['Email/query', searchFor(round)]]));
  const sets = await percentiles(ROUNDS, (round) => setOne(jmap, `m${emails - round}`, round));
  const changes = await percentiles(ROUNDS, () =>
    run(jmap, [['Email/changes', { sinceState: stateOf(store, emails) }]]),
  );
  const importsPerSecond = await importRate(jmap, blobStore, emails);
  return {
    emails,
    fillPerSecond: emails / (fillMs / 1000),
    rssBytesPerEmail,
    queryGetMsP50: screen.p50,
    queryGetMsP99: screen.p99,
    searchMsP50: search.p50,
    searchMsP99: search.p99,
    setPerSecond: 1000 / sets.mean,
    changesMsP50: changes.p50,
    importsPerSecond,
  };
};

async function openStore() {
  const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
  const random = new SeededSecureRandom(1);
  const onListenerError = (error: unknown): never => {
    throw error;
  };
  const store = await MailStore.open({ journal: new MemoryJournal(), clock, random, onListenerError });
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
  const blobStore = new MemoryBlobStore();
  const source = { raw: async () => undefined };
  return { store, blobStore, jmap: createJmap({ store, blobStore, source, clock, random, log: SILENT_LOG }) };
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

function fill(store: MailStore, count: number): void {
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

async function importRate(jmap: Jmap, blobStore: MemoryBlobStore, first: number): Promise<number> {
  const prng = new SeededPrng(2);
  const rounds = 20;
  const batches: string[][] = [];
  for (let round = 0; round < rounds; round++) {
    const ids: string[] = [];
    for (let at = 0; at < IMPORT_AT_ONCE; at++) {
      const raw = messageOf(prng, first + round * IMPORT_AT_ONCE + at);
      ids.push(
        (
          await blobStore.put(
            ACCOUNT,
            (async function* () {
              yield raw;
            })(),
            new AbortController().signal,
          )
        ).id,
      );
    }
    batches.push(ids);
  }
  const ms = await timed(async () => {
    for (const ids of batches)
      await run(jmap, [
        [
          'Email/import',
          { emails: Object.fromEntries(ids.map((blobId) => [blobId, { blobId, mailboxIds: { inbox: true } }])) },
        ],
      ]);
  });
  return (rounds * IMPORT_AT_ONCE) / (ms / 1000);
}

async function timed(work: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function percentiles(rounds: number, work: (round: number) => Promise<void>) {
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) times.push(await timed(() => work(round)));
  const mean = times.reduce((sum, ms) => sum + ms, 0) / rounds;
  times.sort((a, b) => a - b);
  return { p50: times[rounds >> 1] ?? 0, p99: times[Math.floor(rounds * 0.99)] ?? 0, mean };
}
