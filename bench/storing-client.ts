/**
 * The path of a client's history from a page of entries to its SQLite: links, headers, signatures and body hashes checked,
 * rows and ledger written together. The parts are the client's own; only the choice of a node is left out.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT_LOG } from '../src/base/index.ts';
import { SodiumSuite, SystemClock } from '../src/base/system/index.ts';
import { Alarms } from '../src/client/alarms.ts';
import { authenticate, openConnection } from '../src/client/connection/index.ts';
import { Contacts } from '../src/client/contacts/contacts.ts';
import { HomePin } from '../src/client/contacts/home-pin.ts';
import { Ledgers } from '../src/client/history/ledgers.ts';
import { PageIntake } from '../src/client/history/page-intake.ts';
import { PAGES_COMMITTING } from '../src/client/limits.ts';
import { type Entries, parseHomeName } from '../src/protocol/index.ts';
import { SqliteStore } from '../src/store/sqlite/index.ts';
import type { Person } from '../test/harness/person.ts';
import type { Mailbox } from './drain-load.ts';
import type { NodeProcess } from './node-process.ts';
import { dialer, random } from './people.ts';

/** Pages received and not verified yet; then the connection reads no further. */
const PAGES_WAITING = 8;

/** Resolves with the number of entries that are verified and on disk. */
export async function drainAndStore(node: NodeProcess, person: Person, mailbox: Mailbox): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-client-'));
  const deps = { clock: new SystemClock(), log: SILENT_LOG, suite: new SodiumSuite(), random, dialer };
  try {
    await using store = await SqliteStore.open(deps, { folder });
    const alarms = await Alarms.open({ ...deps, store, onAlarm: () => undefined });
    const home = await HomePin.open({ ...deps, store, alarms }, parseHomeName(node.home));
    const contacts = new Contacts({ ...deps, store, alarms, home }, { own: person.address });
    const ledgers = await Ledgers.open(store);
    const pages = new PageIntake({ ...deps, store, alarms, contacts, ledgers }, { own: person.address });
    const target = { url: node.url, home: home.home, key: undefined };
    await using connection = await openConnection(deps, target, new AbortController().signal);
    await authenticate(deps, connection, { address: person.address, home: home.home, key: person.device });
    await home.refresh(connection, 'bench');
    const line = new PageLine(async (page) => pages.take({ connection, node: 'bench' }, page));
    await connection.request(
      'complete',
      (request) => ({
        oneofKind: 'sync',
        sync: { request, feed: mailbox.feed, from: 1, to: 0, newestFirst: false, headersOnly: false },
      }),
      { onPage: (page) => line.push(page) },
    );
    return await line.finish();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Pages one after the other, a few of them on their way to the disk. */
class PageLine {
  readonly #take: (page: Entries) => Promise<{ readonly count: number; readonly stored: Promise<void> }>;
  readonly #committing: Promise<void>[] = [];
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #count = 0;

  constructor(take: (page: Entries) => Promise<{ readonly count: number; readonly stored: Promise<void> }>) {
    this.#take = take;
  }

  push(page: Entries): Promise<void> | undefined {
    this.#waiting += 1;
    this.#tail = this.#tail.then(async () => {
      const { count, stored } = await this.#take(page);
      this.#count += count;
      this.#waiting -= 1;
      this.#committing.push(stored);
      if (this.#committing.length >= PAGES_COMMITTING) await this.#committing.shift();
    });
    return this.#waiting < PAGES_WAITING ? undefined : this.#tail;
  }

  async finish(): Promise<number> {
    await this.#tail;
    await Promise.all(this.#committing);
    return this.#count;
  }
}
