/** A node whose database is lost, and a standby takes over: what was acknowledged is there, or the node stops and says why. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asPerson, freePort, HomeProcess, jsonOf, PASSWORD, restante } from '../harness/home-process.ts';
import { skipsWithoutPostgres } from '../harness/postgres.ts';
import { PostgresPair } from '../harness/postgres-pair.ts';

const MAILS = 2;

// PostgreSQL is a program of the machine, which skipsWithoutPostgres tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutPostgres('failover of a node’s PostgreSQL'))('a node whose database has a standby', () => {
  test('loses no acknowledged mail when that takes over', async () => {
    await using pair = await PostgresPair.open({ isSynchronous: true });
    await using world = await World.open(pair.url);
    const sent = await world.send('before');
    const lost = await pair.failOver();
    sent.push(...(await world.send('after')));
    await pair.mend(lost);
    await pair.failOver();
    sent.push(...(await world.send('again')));
    expect(await world.subjects()).toEqual(sent.sort());
    await world.home.stop();
    const { stdout } = await restante(['verify', '--json', '--data', world.data]);
    expect(jsonOf(stdout)).toMatchObject({ ok: true, problems: [] });
  });

  test('stops, and says why, when it lacks what was acknowledged', async () => {
    await using pair = await PostgresPair.open({ isSynchronous: false });
    await using world = await World.open(pair.url);
    await pair.standby.kill();
    await world.send('lost');
    await pair.primary.kill();
    await pair.standby.start();
    await pair.failOver();
    expect(await world.home.ended()).not.toBe(0);
    expect(world.home.log).toContain('had not everything');
  });
});

/** A home with its rows in a database, and two people. */
class World implements AsyncDisposable {
  readonly home: HomeProcess;
  readonly data: string;
  readonly #folder: string;

  private constructor(folder: string, data: string, home: HomeProcess) {
    this.#folder = folder;
    this.data = data;
    this.home = home;
  }

  static async open(url: string): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-failover-'));
    const data = join(folder, 'home');
    const world = new World(folder, data, await HomeProcess.open(data, await freePort(), ['--database', url]));
    for (const name of ['alice', 'bob'])
      await asPerson(join(folder, name), 'account', 'new', `${name}@${world.home.home}`, '--node', world.home.url);
    return world;
  }

  /** Subjects of mail that was acknowledged. */
  async send(what: string): Promise<string[]> {
    const subjects = Array.from({ length: MAILS }, (_, i) => `${what} ${i}`);
    for (const subject of subjects)
      await asPerson(
        join(this.#folder, 'alice'),
        ...['send', '--to', `bob@${this.home.home}`, '--subject', subject, '--body', subject],
      );
    return subjects;
  }

  async subjects(): Promise<string[]> {
    const bob = join(this.#folder, 'bob');
    expect(await asPerson(bob, 'sync')).toMatchObject({ missing: 0, complete: true });
    const { stdout } = await restante(['--json', 'list', '--profile', bob, '--limit', '1000'], PASSWORD);
    const lines = stdout.trim().split('\n');
    return lines.map((line) => (JSON.parse(line) as { subject: string }).subject).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
