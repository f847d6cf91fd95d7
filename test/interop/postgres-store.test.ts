/** The store on a real PostgreSQL: what every store promises, and what happens when the database goes. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromUtf8, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SystemClock } from '../../src/base/system/index.ts';
import { PostgresStore } from '../../src/store/postgres/index.ts';
import { statementsOf } from '../../src/store/postgres/writes.ts';
import { storeContract } from '../../src/store/store.contract.ts';
import { WriteSet } from '../../src/store/write-set.ts';
import { CutProxy } from '../harness/cut-proxy.ts';
import { Postgres, skipsWithoutPostgres } from '../harness/postgres.ts';

const deps = { clock: new SystemClock(), log: SILENT_LOG };
const ALL = { from: new Uint8Array(0), to: utf8('~'), limit: 1_000_000 };
const COUNT = 400;
/** SQLSTATE: how a commit fails that does not follow the last one. */
const DIVISION_BY_ZERO = '22012';

// PostgreSQL is a program of the machine, which skipsWithoutPostgres tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutPostgres('the store on PostgreSQL'))('on PostgreSQL', () => {
  let postgres: Postgres;
  let schemas = 0;
  const fresh = (): string => `store_${++schemas}`;
  const open = (schema = fresh(), url = postgres.url): Promise<PostgresStore> =>
    PostgresStore.open(deps, { url, schema, isNew: true });
  beforeAll(async () => {
    postgres = await Postgres.open();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  storeContract('PostgresStore', () => open());

  test('is there again when it is opened again, and another schema is another store', async () => {
    const schema = fresh();
    for (let life = 0; life < 3; life++) {
      await using store = await open(schema);
      await using other = await open();
      expect((await store.range(ALL)).length).toBe(life);
      expect(await other.range(ALL)).toEqual([]);
      await store.transact((t) => t.put(utf8(`life ${life}`), utf8('x')));
    }
  });

  test('one process has it: another is refused', async () => {
    const schema = fresh();
    await using store = await open(schema);
    await expect(open(schema)).rejects.toMatchObject({ code: 'locked', fix: expect.any(String) });
    await store.transact((t) => t.put(utf8('a'), utf8('a')));
  });

  test('who was cut off while another took the store writes nothing more', async () => {
    const schema = fresh();
    await using wire = await CutProxy.open(postgres.port);
    const first = await open(schema, postgres.url.replace(`:${postgres.port}`, `:${wire.port}`));
    await first.transact((t) => t.put(utf8('a'), utf8('first')));
    wire.cut();
    const late = first.transact((t) => t.put(utf8('a'), utf8('late')));
    await using second = await openWhenFree(() => open(schema));
    await second.transact((t) => t.put(utf8('a'), utf8('second')));
    wire.mend();
    await expect(late).rejects.toMatchObject({ code: 'locked' });
    await expect(first.transact((t) => t.put(utf8('a'), utf8('later')))).rejects.toMatchObject({ code: 'locked' });
    await first[Symbol.asyncDispose]();
    expect(await second.get(utf8('a'))).toEqual(utf8('second'));
  });

  test('commits wait for a connection that is cut again and again, and each is done once', async () => {
    await using wire = await CutProxy.open(postgres.port);
    await using store = await open(fresh(), postgres.url.replace(`:${postgres.port}`, `:${wire.port}`));
    const cutting = cutEach(wire, 20);
    await countUp(store, () => cutting.isOver);
    expect(cutting.count).toBeGreaterThan(10);
  });

  test('a database that is killed loses nothing of what was acknowledged, and what waits goes on', async () => {
    await using store = await open();
    const kills = killEach(postgres, 3);
    await countUp(store, () => kills.isOver);
    await kills.ended;
  });

  test('a commit whose connection was lost waits for whatever keeps it out, and is done once', async () => {
    const schema = fresh();
    const admin = await postgres.client();
    await admin.query('CREATE ROLE mailer LOGIN; GRANT CREATE ON DATABASE postgres TO mailer');
    await using wire = await CutProxy.open(postgres.port);
    const url = postgres.url.replace(`restante@127.0.0.1:${postgres.port}`, `mailer@127.0.0.1:${wire.port}`);
    let isRefused = false;
    const note = ({ error }: { readonly error?: unknown }): void => {
      isRefused ||= String(error).includes('not permitted to log in');
    };
    const log = { ...SILENT_LOG, warn: note, debug: note };
    await using store = await PostgresStore.open({ ...deps, log }, { url, schema, isNew: true });
    await admin.query('ALTER ROLE mailer NOLOGIN');
    wire.cut();
    wire.mend();
    const first = store.transact((t) => t.put(utf8('row 1'), utf8('x')));
    while (!isRefused) await new Promise((resolve) => setImmediate(resolve));
    const second = store.transact((t) => t.put(utf8('row 2'), utf8('x')));
    await admin.query('ALTER ROLE mailer LOGIN');
    await admin.end();
    await Promise.all([first, second]);
    expect((await store.range(ALL)).map(({ key }) => fromUtf8(key))).toEqual(['row 1', 'row 2']);
  });

  test('a commit that a server is still at is waited for, whatever another attempt of it meets', async () => {
    const schema = fresh();
    const admin = await postgres.client();
    const blocker = await postgres.client();
    await using wire = await openSilentWire(postgres.port);
    const url = postgres.url.replace(`:${postgres.port}`, `:${wire.port}`);
    let isRefused = false;
    const note = ({ error }: { readonly error?: unknown }): void => {
      isRefused ||= String(error).includes('lock timeout');
    };
    await using store = await PostgresStore.open(
      { ...deps, log: { ...SILENT_LOG, warn: note, debug: note } },
      { url, schema, isNew: true },
    );
    await blocker.query(`BEGIN; SELECT * FROM ${schema}.store FOR UPDATE`);
    const first = store.transact((t) => t.put(utf8('row 1'), utf8('x'))).catch((error: unknown) => error);
    const waiting = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while ((await admin.query<{ count: number }>(waiting)).rows[0]?.count !== 1);
    // Of connections from here on.
    await admin.query("ALTER ROLE restante SET lock_timeout = '200ms'");
    wire.cut();
    while (!isRefused && (await Promise.race([first, turn()])) === undefined);
    await blocker.query('COMMIT');
    await first;
    await store.transact((t) => t.put(utf8('row 2'), utf8('x')));
    await admin.query('ALTER ROLE restante RESET lock_timeout');
    for (const client of [admin, blocker]) await client.end();
    expect(await first).toBeUndefined();
    expect((await store.range(ALL)).map(({ key }) => fromUtf8(key))).toEqual(['row 1', 'row 2']);
  });

  test('a commit that arrives late, of a connection that was given up, undoes nothing that came after it', async () => {
    const schema = fresh();
    await using store = await open(schema);
    for (const value of ['1', '2']) await store.transact((t) => t.put(utf8('a'), utf8(value)));
    const late = await postgres.client();
    const again = async (value: string, commit: bigint): Promise<void> => {
      const writes = new WriteSet();
      writes.put(utf8('a'), utf8(value));
      for (const statement of statementsOf(writes, { schema, epoch: 1n, commit })) await late.query(statement);
    };
    await expect(again('1', 1n)).rejects.toMatchObject({ code: DIVISION_BY_ZERO });
    await late.query('ROLLBACK');
    // The last one may have been sent again because its answer was lost.
    await again('2', 2n);
    await late.end();
    expect(await store.get(utf8('a'))).toEqual(utf8('2'));
    await store.transact((t) => t.put(utf8('a'), utf8('3')));
    expect(await store.get(utf8('a'))).toEqual(utf8('3'));
  });

  test('a store that is closed while it looks for its database leaves no connection behind', async () => {
    const schema = fresh();
    await using wire = await CutProxy.open(postgres.port);
    const store = await open(schema, postgres.url.replace(`:${postgres.port}`, `:${wire.port}`));
    wire.cut();
    wire.mend();
    const { in: before } = wire.passed;
    while (wire.passed.in === before) await new Promise((resolve) => setImmediate(resolve));
    await store[Symbol.asyncDispose]();
    await (await openWhenFree(() => open(schema)))[Symbol.asyncDispose]();
  });

  test('a store that is closed while the database is away ends, and says so to whoever waits', async () => {
    await using wire = await CutProxy.open(postgres.port);
    const store = await open(fresh(), postgres.url.replace(`:${postgres.port}`, `:${wire.port}`));
    wire.cut();
    const waiting = store.transact((t) => t.put(utf8('a'), utf8('a')));
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'closed' }), store[Symbol.asyncDispose]()]);
  });

  test('a database without fsync, a schema of something else, and a newer one are refused', async () => {
    const admin = await postgres.client();
    await admin.query('CREATE SCHEMA other; CREATE TABLE other.things (id int)');
    await expect(open('other')).rejects.toMatchObject({ code: 'corrupt', fix: expect.any(String) });
    const schema = fresh();
    const missing = PostgresStore.open(deps, { url: postgres.url, schema });
    await expect(missing).rejects.toMatchObject({ code: 'corrupt', fix: expect.stringContaining('--database') });
    await (await open(schema))[Symbol.asyncDispose]();
    await admin.query(`UPDATE ${schema}.store SET version = 99`);
    await expect(open(schema)).rejects.toMatchObject({ code: 'newer_schema', details: { found: 99 } });
    await expect(open('Öffentlich"; --')).rejects.toMatchObject({ code: 'failed', fix: expect.any(String) });
    await setFsync(admin, 'off');
    await expect(open()).rejects.toMatchObject({ code: 'failed', fix: expect.stringContaining('fsync') });
    await setFsync(admin, 'on');
    await admin.end();
  });

  test('a database that has gone back behind what it confirmed is noticed', async () => {
    const schema = fresh();
    await using wire = await CutProxy.open(postgres.port);
    const store = await open(schema, postgres.url.replace(`:${postgres.port}`, `:${wire.port}`));
    for (let i = 0; i < 5; i++) await store.transact((t) => t.put(utf8(`${i}`), utf8('x')));
    wire.cut();
    const admin = await postgres.client();
    await admin.query(`UPDATE ${schema}.store SET commits = commits - 2`);
    await admin.end();
    wire.mend();
    await expect(store.transact((t) => t.put(utf8('a'), utf8('x')))).rejects.toMatchObject({ code: 'corrupt' });
    await store[Symbol.asyncDispose]();
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** To a server that does not notice when it is cut. */
async function openSilentWire(to: number): Promise<AsyncDisposable & { readonly port: number; cut(): void }> {
  const near = new Set<Socket>();
  const far = new Set<Socket>();
  const server = createServer((socket) => {
    const other = connect(to, '127.0.0.1');
    near.add(socket.on('error', () => undefined)); // cut
    far.add(other.on('error', () => undefined)); // the server ends it
    socket.pipe(other, { end: false });
    other.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = (): void => {
    for (const socket of near) socket.destroy();
    near.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      for (const socket of far) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

async function setFsync(admin: pg.Client, to: 'on' | 'off'): Promise<void> {
  await admin.query(`ALTER SYSTEM SET fsync = ${to}`);
  await admin.query('SELECT pg_reload_conf()');
  const isSet = async (): Promise<boolean> => (await admin.query('SHOW fsync')).rows[0].fsync === to;
  while (!(await isSet())) await new Promise((resolve) => setImmediate(resolve));
}

/** The lock of a connection that was cut is free when the server has noticed. */
async function openWhenFree(open: () => Promise<PostgresStore>): Promise<PostgresStore> {
  for (;;)
    try {
      return await open();
    } catch (error) {
      if ((error as { code?: string }).code !== 'locked') throw error;
    }
}

/** Adds to a number and keeps a row of each value, until it is over: one more for each transaction, and no row twice. */
async function countUp(store: PostgresStore, isOver: () => boolean): Promise<void> {
  let last = 0;
  while (!isOver() || last < COUNT)
    last = await store.transact(async (t) => {
      const value = await t.get(utf8('count'));
      const next = Number(value === undefined ? 0 : Buffer.from(value).toString()) + 1;
      t.put(utf8('count'), utf8(`${next}`));
      t.put(utf8(`row ${String(next).padStart(8, '0')}`), utf8('x'));
      return next;
    });
  const rows = await store.range({ ...ALL, from: utf8('row ') });
  expect(rows.map(({ key }) => Number(Buffer.from(key).toString().slice(4)))).toEqual(
    Array.from({ length: last }, (_, i) => i + 1),
  );
}

/** Cuts the wire so many times, each time when some bytes have passed. */
function cutEach(wire: CutProxy, times: number): { readonly isOver: boolean; readonly count: number } {
  const cutting = { isOver: false, count: 0 };
  void (async () => {
    while (cutting.count < times) {
      const { in: before } = wire.passed;
      while (wire.passed.in < before + 5_000) await new Promise((resolve) => setImmediate(resolve));
      wire.cut();
      wire.mend();
      cutting.count += 1;
    }
    cutting.isOver = true;
  })();
  return cutting;
}

function killEach(postgres: Postgres, times: number): { readonly isOver: boolean; readonly ended: Promise<void> } {
  const kills = { isOver: false, ended: Promise.resolve() };
  kills.ended = (async () => {
    for (let i = 0; i < times; i++) {
      await postgres.kill();
      await postgres.start();
    }
    kills.isOver = true;
  })();
  return kills;
}
