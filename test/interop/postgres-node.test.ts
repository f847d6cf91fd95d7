/** Nodes whose rows are in a real PostgreSQL: killed, with their database killed, moved there and back, two in one database. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asPerson, freePort, HomeProcess, jsonOf, PASSWORD, restante } from '../harness/home-process.ts';
import { Postgres, skipsWithoutPostgres } from '../harness/postgres.ts';

const MAILS = 6;

// PostgreSQL is a program of the machine, which skipsWithoutPostgres tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutPostgres('nodes on PostgreSQL'))('a node on PostgreSQL', () => {
  let postgres: Postgres;
  let folder: string;
  beforeAll(async () => {
    postgres = await Postgres.open();
    folder = await mkdtemp(join(tmpdir(), 'restante-'));
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const person = async (home: HomeProcess, name: string): Promise<string> => {
    const profile = join(folder, `${name}-${home.url.replace(/\W/g, '')}`);
    await asPerson(profile, 'account', 'new', `${name}@${home.home}`, '--node', home.url);
    return profile;
  };
  const send = (from: string, to: string, subject: string): Promise<unknown> =>
    asPerson(from, 'send', '--to', to, '--subject', subject, '--body', subject);
  const subjectsOf = async (profile: string): Promise<string[]> => {
    expect(await asPerson(profile, 'sync')).toMatchObject({ missing: 0, complete: true });
    const { stdout } = await restante(['--json', 'list', '--profile', profile, '--limit', '1000'], PASSWORD);
    const lines = stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    return lines.map((line) => (JSON.parse(line) as { subject: string }).subject).sort();
  };
  const verify = async (data: string): Promise<void> => {
    const { stdout } = await restante(['verify', '--json', '--data', data]);
    expect(jsonOf(stdout)).toMatchObject({ ok: true, problems: [] });
  };

  test('loses and doubles nothing while it and its database are killed, and moves to the folder and back', async () => {
    const data = join(folder, 'killed');
    const port = await freePort();
    let home = await HomeProcess.open(data, port, ['--database', postgres.url]);
    const [alice, bob] = [await person(home, 'alice'), await person(home, 'bob')];
    const sent: string[] = [];
    for (let i = 0; i < MAILS; i++) {
      const strike = i % 3;
      const dies = strike === 1 ? home.kill() : strike === 2 ? postgres.kill() : Promise.resolve();
      const sending = send(alice, `bob@${home.home}`, `mail ${i}`);
      await dies;
      if (strike === 2) await postgres.start();
      if (strike === 1) home = await HomeProcess.open(data, port);
      await sending;
      sent.push(`mail ${i}`);
    }
    await asPerson(alice, 'sync'); // what found no node while it was sent goes now
    expect(await subjectsOf(bob)).toEqual(sent.sort());
    await home.stop();
    await verify(data);
    expect(await readdir(data)).not.toContain('store');
    const elsewhere = postgres.url.replace('/postgres', '/template1');
    const empty = await restante(['up', '--json', '--data', data, '--port', '0', '--database', elsewhere]);
    expect(jsonOf(empty.stdout)).toMatchObject({
      error: { code: 'corrupt', fix: expect.stringContaining('--database') },
    });

    const there = jsonOf<{ bytes: number }>((await restante(['store', 'move', '--json', '--data', data])).stdout);
    expect(there.bytes).toBeGreaterThan(10_000);
    expect(await readdir(data)).toContain('store');
    const admin = await postgres.client();
    const schemas = await admin.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'restante%'");
    await admin.end();
    expect(schemas.rows).toEqual([]);
    await verify(data);
    home = await HomeProcess.open(data, port);
    await send(alice, `bob@${home.home}`, 'from the folder');
    const refused = await restante(['up', '--json', '--data', data, '--port', '0', '--database', postgres.url]);
    expect(refused.code).not.toBe(0);
    await home.stop();
    const late = await restante(['up', '--json', '--data', data, '--port', '0', '--database', postgres.url]);
    expect(jsonOf(late.stdout)).toMatchObject({ error: { fix: expect.stringContaining('store move') } });

    expect((await restante(['store', 'move', postgres.url, '--data', data])).code).toBe(0);
    await verify(data);
    home = await HomeProcess.open(data, port);
    await send(alice, `bob@${home.home}`, 'from the database');
    expect(await subjectsOf(bob)).toEqual([...sent, 'from the database', 'from the folder'].sort());

    const copy = join(folder, 'copy');
    expect((await restante(['backup', copy, '--data', data])).code).toBe(0);
    await home.stop();
    const restored = join(folder, 'restored');
    expect((await restante(['restore', copy, '--data', restored])).code).toBe(0);
    await verify(restored);
  });

  test('shares a database with another node of the home', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    const first = await HomeProcess.open(a, await freePort(), ['--database', postgres.url]);
    const { token } = jsonOf<{ token: string }>((await restante(['fleet', 'token', '--json', '--data', a])).stdout);
    const joined = await restante([
      ...['fleet', 'join', first.url, '--token', token, '--name', 'b', '--data', b],
      ...['--database', postgres.url],
    ]);
    expect([joined.code, joined.stderr]).toEqual([0, '']);
    const second = await HomeProcess.open(b, await freePort());
    const alice = await person(first, 'alice');
    const bob = await person(second, 'bob');
    await send(alice, `bob@${first.home}`, 'over both');
    expect(await subjectsOf(bob)).toEqual(['over both']);
    await first.stop();
    await second.stop();
    for (const data of [a, b]) await verify(data);
  });
});
