import { describe, expect, test } from 'vitest';
import {
  DialError,
  fromUtf8,
  type HttpAnswer,
  type HttpDialer,
  type HttpRequest,
  type Log,
  ManualClock,
  NobleSuite,
  SILENT_LOG,
  utf8,
} from '../../base/index.ts';
import type { ServiceAddress } from '../../base/system/index.ts';
import {
  type HomeVerdict,
  homeContentJson,
  parseFeedId,
  parseHomeDocument,
  parseHomeName,
  signDocument,
} from '../../protocol/index.ts';
import { MemoryStore, type Store } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import { homeVerdictOf } from './home-evidence.ts';
import { HttpHomeDirectory } from './http-home-directory.ts';
import {
  FAILURE_CACHED_MS,
  HOME_FRESH_MS,
  HOME_STALE_MS,
  LOOKUPS_IN_FLIGHT_MAX,
  REFRESH_INTERVAL_MS,
} from './limits.ts';

const suite = new NobleSuite();
const HOME = parseHomeName('home.example');
const WELL_KNOWN = 'https://home.example';
const never = new AbortController().signal;
const keys = suite.keyPair(new Uint8Array(32).fill(1));

function versions(length: number, mark = 0): Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let version = 1; version <= length; version++) {
    const last = chain.at(-1);
    const content = {
      home: HOME,
      version,
      previous: last === undefined ? null : parseHomeDocument(suite, last).signed.hash,
      time: version + mark,
      key: keys.publicKey,
      keyLog: keys.publicKey,
      nodes: [{ name: 'a1', key: keys.publicKey, urls: [], feed: parseFeedId('ab'.repeat(32)), retired: [] }],
      registrar: 'a1',
    };
    chain.push(signDocument(suite, homeContentJson(content), [keys]));
  }
  return chain;
}

/** The web as a table: an origin publishes a chain, says something else, or is not there. */
class Web implements HttpDialer {
  readonly asked: string[] = [];
  readonly hosts: (string | undefined)[] = [];
  readonly origins = new Map<string, readonly Uint8Array[] | HttpAnswer | DialError>();
  pageLength = Number.POSITIVE_INFINITY;
  gate: Promise<void> | undefined;

  async request({ url, headers }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { origin, searchParams } = new URL(url);
    this.asked.push(origin);
    this.hosts.push(headers.host);
    await this.gate;
    signal.throwIfAborted();
    const found = this.origins.get(origin) ?? new DialError('unreachable', 'nobody there', { retry: 'later' });
    if (found instanceof DialError) throw found;
    if ('status' in found) return found;
    const after = Number(searchParams.get('after'));
    const page = found.slice(after, after + this.pageLength);
    const more = after + page.length < found.length;
    const body = utf8(`{"documents":[${page.map(fromUtf8).join(',')}],"more":${more}}`);
    return { status: 200, headers: {}, body };
  }
}

const answer = (status: number, text: string): HttpAnswer => ({ status, headers: {}, body: utf8(text) });

async function setup(store: Store = new MemoryStore(), clock = new ManualClock(Date.UTC(2026, 0, 15))) {
  const web = new Web();
  /** Without the row `answers`, DNS is down. */
  const records = new Map<string, readonly ServiceAddress[]>([['answers', []]]);
  const services = {
    services: async (name: string) => {
      if (!records.has('answers')) throw new Error('no server of DNS answers');
      return records.get(name) ?? [];
    },
  };
  const errors: object[] = [];
  const log: Log = { ...SILENT_LOG, error: (fields) => errors.push(fields) };
  const directory = new HttpHomeDirectory({ clock, suite, dialer: web, services, store, log });
  const find = async (home = HOME): Promise<number | string> => outcome(directory.find(home, never));
  const refresh = async (): Promise<number | string> => outcome(directory.refresh(HOME, never));
  return { web, records, store, clock, directory, errors, find, refresh };
}

/** The version found, or the code of the refusal. */
async function outcome(found: Promise<{ readonly version: number }>): Promise<number | string> {
  try {
    return (await found).version;
  } catch (error) {
    expect(error).toBeInstanceOf(FederationError);
    return (error as FederationError).code;
  }
}

/** What a search in vain says of the domain. */
async function verdictOn(found: Promise<unknown>): Promise<HomeVerdict> {
  const error: unknown = await found.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FederationError)) throw new Error('it was not in vain', { cause: error });
  return homeVerdictOf(error);
}

describe('discovery', () => {
  test('asks the well-known page, then where DNS SRV says, then the port, and each in the name of the home', async () => {
    const { web, records, find } = await setup();
    records.set('_restante._tcp.home.example', [
      { host: 'one.example', port: 1 },
      { host: 'two.example', port: 2 },
    ]);
    web.origins.set('https://home.example', answer(404, 'no'));
    web.origins.set('https://one.example:1', answer(200, '<html>'));
    web.origins.set('https://home.example:7896', versions(2));
    expect(await find()).toBe(2);
    expect(web.asked).toEqual([
      'https://home.example',
      'https://one.example:1',
      'https://two.example:2',
      'https://home.example:7896',
    ]);
    expect(web.hosts).toEqual([HOME, HOME, HOME, HOME]);
  });

  test.each([
    ['home.example:8443', ['https://home.example:8443']],
    ['localhost:7896', ['http://localhost:7896']],
    ['127.0.0.1:7896', ['http://127.0.0.1:7896']],
    ['bob.localhost:1', ['http://bob.localhost:1']],
    ['localhost.example:1', ['https://localhost.example:1']],
  ])('looks for %s at its own port and nowhere else', async (name, asked) => {
    const { web, find } = await setup();
    expect(await find(parseHomeName(name))).toBe('unreachable');
    expect(web.asked).toEqual(asked);
  });

  test.each([
    [answer(404, ''), 'unreachable'],
    [answer(302, ''), 'unreachable'],
    [answer(500, ''), 'unreachable'],
    [answer(200, '<html>'), 'bad_answer'],
    [answer(200, 'null'), 'bad_answer'],
    [answer(200, '{"documents":7}'), 'bad_answer'],
    [answer(200, '{"documents":[{}]}'), 'bad_answer'],
    [answer(200, '{"documents":[]}'), 'bad_answer'],
    [new DialError('address_refused', 'private'), 'address_refused'],
    [new DialError('timeout', 'slow'), 'timeout'],
    [new DialError('too_large', 'large'), 'bad_answer'],
  ])('fails by name (%#)', async (first, code) => {
    const { web, find } = await setup();
    web.origins.set(WELL_KNOWN, first);
    expect(await find()).toBe(code);
  });

  const NAMED = [{ host: 'one.example', port: 1 }];
  const SILENT = new DialError('timeout', 'slow');
  test.each<[HttpAnswer | DialError, readonly ServiceAddress[] | undefined, HomeVerdict]>([
    [SILENT, NAMED, 'home'],
    [answer(404, ''), NAMED, 'home'],
    [answer(404, ''), [], 'not_a_home'],
    [answer(301, ''), [], 'not_a_home'],
    [answer(200, '<html>'), [], 'not_a_home'],
    [new DialError('address_refused', 'private'), [], 'not_a_home'],
    [SILENT, [], 'not_a_home'],
    [answer(503, ''), [], 'not_known_now'],
    [answer(429, ''), [], 'not_known_now'],
    [answer(200, '{"documents":[{}]}'), [], 'home'],
    [answer(404, ''), undefined, 'not_known_now'],
    [SILENT, undefined, 'not_known_now'],
  ])('in vain says whether there is a home, by what the domain and DNS say (%#)', async (first, services, verdict) => {
    const { web, records, directory } = await setup();
    web.origins.set(WELL_KNOWN, first);
    if (services === undefined) records.delete('answers');
    else records.set(`_restante._tcp.${HOME}`, services);
    expect(await verdictOn(directory.find(HOME, never))).toBe(verdict);
  });

  test('in vain at a name with a port believes its own answer alone', async () => {
    const { web, records, directory } = await setup();
    records.delete('answers');
    const [told, silent] = [parseHomeName('told.example:1'), parseHomeName('silent.example:1')];
    web.origins.set('https://told.example:1', answer(404, ''));
    expect(await verdictOn(directory.find(told, never))).toBe('not_a_home');
    expect(await verdictOn(directory.find(silent, never))).toBe('not_known_now');
  });

  test('of a home that was seen before never says that it is none', async () => {
    const { web, clock, directory, find } = await setup();
    web.origins.set(WELL_KNOWN, versions(1));
    expect(await find()).toBe(1);
    web.origins.set(WELL_KNOWN, answer(404, ''));
    await clock.advance(HOME_STALE_MS);
    expect(await verdictOn(directory.find(HOME, never))).toBe('home');
  });

  test('reads a long chain page by page', async () => {
    const { web, directory, find } = await setup();
    web.origins.set(WELL_KNOWN, versions(7));
    web.pageLength = 3;
    expect(await find()).toBe(7);
    expect(web.asked).toHaveLength(3);
    expect((await directory.chain(HOME, never)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('is refused beyond so many lookups at once, and is one request for all who ask for one home', async () => {
    const { web, directory, clock } = await setup();
    let open = (): void => undefined;
    web.gate = new Promise((resolve) => {
      open = resolve;
    });
    web.origins.set(WELL_KNOWN, versions(1));
    const same = [outcome(directory.find(HOME, never)), outcome(directory.refresh(HOME, never))];
    const others = Array.from({ length: LOOKUPS_IN_FLIGHT_MAX }, (_, at) =>
      outcome(directory.find(parseHomeName(`h${at}.example:1`), never)),
    );
    await clock.advance(0);
    expect(web.asked).toHaveLength(LOOKUPS_IN_FLIGHT_MAX);
    open();
    expect(await Promise.all(same)).toEqual([1, 1]);
    expect((await Promise.all(others)).filter((code) => code === 'unavailable')).toHaveLength(1);
  });

  test('goes on for the others when one who waits leaves', async () => {
    const { web, directory } = await setup();
    let open = (): void => undefined;
    web.gate = new Promise((resolve) => {
      open = resolve;
    });
    web.origins.set(WELL_KNOWN, versions(1));
    const leaving = new AbortController();
    const left = directory.find(HOME, leaving.signal).catch((error: unknown) => error);
    const stays = outcome(directory.find(HOME, never));
    leaving.abort(new Error('left'));
    expect(await left).toEqual(new Error('left'));
    open();
    expect(await stays).toBe(1);
  });
});

describe('a home that was found', () => {
  test('is asked again after a day, also by the next process, and only for what is new', async () => {
    const first = await setup();
    first.web.origins.set(WELL_KNOWN, versions(2));
    expect(await first.find()).toBe(2);
    await first.clock.advance(HOME_FRESH_MS - 1);
    const second = await setup(first.store, first.clock);
    second.web.origins.set(WELL_KNOWN, versions(3));
    expect([await first.find(), await second.find()]).toEqual([2, 2]);
    await first.clock.advance(1);
    expect(await second.find()).toBe(3);
    expect(second.web.asked).toHaveLength(1);
  });

  test('is asked again when our clock has jumped back', async () => {
    const { web, clock, find } = await setup();
    web.origins.set(WELL_KNOWN, versions(1));
    expect(await find()).toBe(1);
    web.origins.set(WELL_KNOWN, versions(2));
    clock.jumpTo(clock.now() - 60_000);
    expect(await find()).toBe(2);
  });

  test('counts for another day while it cannot be reached, and then no more', async () => {
    const { web, clock, find } = await setup();
    web.origins.set(WELL_KNOWN, versions(1));
    await find();
    web.origins.delete(WELL_KNOWN);
    await clock.advance(HOME_FRESH_MS);
    expect(await find()).toBe(1);
    await clock.advance(HOME_STALE_MS - HOME_FRESH_MS - 1);
    expect(await find()).toBe(1);
    await clock.advance(1);
    expect(await find()).toBe('unreachable');
    web.origins.set(WELL_KNOWN, versions(2));
    await clock.advance(3_600_000);
    expect(await find()).toBe(2);
  });

  test('is refreshed at most once a minute', async () => {
    const { web, clock, find, refresh } = await setup();
    web.origins.set(WELL_KNOWN, versions(1));
    await find();
    web.origins.set(WELL_KNOWN, versions(2));
    expect(await refresh()).toBe(1);
    await clock.advance(REFRESH_INTERVAL_MS);
    expect([await refresh(), await refresh()]).toEqual([2, 2]);
    expect(web.asked).toHaveLength(2);
  });

  test.each([
    ['home_rolled_back', versions(2)],
    ['home_forked', versions(3, 1_000)],
    ['home_forked', versions(4, 1_000)],
  ])(
    'is refused as %s, loudly, when it shows less or another history; and not believed by its old one',
    async (code, shown) => {
      const { web, clock, find, refresh, errors, directory } = await setup();
      web.origins.set(WELL_KNOWN, versions(3));
      await find();
      web.origins.set(WELL_KNOWN, shown);
      await clock.advance(REFRESH_INTERVAL_MS);
      expect([await refresh(), await find()]).toEqual([code, code]);
      expect(errors).toEqual([expect.objectContaining({ home: HOME, code })]);
      // What was pinned stays pinned: the true chain is believed again.
      web.origins.set(WELL_KNOWN, versions(4));
      await clock.advance(REFRESH_INTERVAL_MS);
      expect(await refresh()).toBe(4);
      // And the operator may decide otherwise.
      web.origins.set(WELL_KNOWN, shown);
      await directory.forget(HOME);
      expect(await find()).toBe(shown.length);
    },
  );
});

describe('a home of which somebody has seen more than we have', () => {
  const seen = async ({ directory }: Awaited<ReturnType<typeof setup>>, versions: number): Promise<number | string> =>
    outcome(directory.chain(HOME, never, versions).then(({ length }) => ({ version: length })));

  test('is asked now, and its answer counts, more or not', async () => {
    const world = await setup();
    const { clock, find, web } = world;
    web.origins.set(WELL_KNOWN, versions(2));
    await find();
    web.origins.set(WELL_KNOWN, versions(3));
    await clock.advance(REFRESH_INTERVAL_MS);
    expect(await seen(world, 2)).toBe(2);
    expect(await seen(world, 3)).toBe(3);
    await clock.advance(REFRESH_INTERVAL_MS);
    expect(await seen(world, 4)).toBe(3);
  });

  test('is not answered for while it is away, or was asked a moment ago', async () => {
    const world = await setup();
    const { clock, find, web } = world;
    web.origins.set(WELL_KNOWN, versions(2));
    await find();
    expect(await seen(world, 3)).toBe('rate_limited');
    await clock.advance(REFRESH_INTERVAL_MS);
    web.origins.clear();
    expect(await seen(world, 3)).toBe('unreachable');
    expect(await seen(world, 2)).toBe(2);
    expect(await verdictOn(world.directory.chain(HOME, never, 3))).toBe('home');
  });
});

describe('a home that was not found', () => {
  test('is not looked for again at once: the waits double to half an hour, and end when it is found', async () => {
    const { web, clock, find } = await setup();
    const asked = async (): Promise<number> => {
      const before = web.asked.length;
      await find();
      return web.asked.length - before;
    };
    const places = 2;
    let waitMs = FAILURE_CACHED_MS;
    expect(await asked()).toBe(places);
    for (let failures = 1; failures < 14; failures++) {
      await clock.advance(waitMs - 1);
      expect(await asked()).toBe(0);
      await clock.advance(1);
      expect(await asked()).toBe(places);
      waitMs = Math.min(2 * waitMs, 1_800_000);
    }
    expect(waitMs).toBe(1_800_000);
    web.origins.set(WELL_KNOWN, versions(1));
    await clock.advance(waitMs);
    expect(await find()).toBe(1);
    web.origins.delete(WELL_KNOWN);
    await clock.advance(HOME_STALE_MS);
    expect(await find()).toBe('unreachable');
    await clock.advance(FAILURE_CACHED_MS);
    expect(await asked()).toBe(places);
  });
});
