/** What every release has left in a PostgreSQL is opened for ever: `postgres.sql` of a fixture has the rows of its `server`. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonOf, restante } from '../harness/home-process.ts';
import { Postgres, skipsWithoutPostgres } from '../harness/postgres.ts';

const FIXTURES = 'test/fixtures';
const RELEASES = ['0.1.0'] as const;
/** The schema that a fixture makes. */
const SCHEMA = 'restante_fixture';

// PostgreSQL is a program of the machine, which skipsWithoutPostgres tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutPostgres('what releases left in PostgreSQL'))(
  'what releases have left in PostgreSQL',
  () => {
    let postgres: Postgres;
    let folder: string;
    beforeAll(async () => {
      postgres = await Postgres.open();
      folder = await mkdtemp(join(tmpdir(), 'restante-formats-'));
    });
    afterAll(async () => {
      await postgres[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    test.each(RELEASES)('a node’s rows of release %s are read, checked, and moved into its folder', async (release) => {
      const server = join(folder, release);
      const admin = await postgres.client();
      await admin.query(await readFile(join(FIXTURES, release, 'postgres.sql'), 'utf8'));
      await admin.end();
      await cp(join(FIXTURES, release, 'server'), server, { recursive: true });
      await rm(join(server, 'store'), { recursive: true });
      await writeFile(join(server, 'keys', 'database'), JSON.stringify({ url: postgres.url, schema: SCHEMA }));

      const { ADDRESS } = JSON.parse(await readFile(join(FIXTURES, release, 'facts.json'), 'utf8')) as {
        readonly ADDRESS: string;
      };
      const run = async (...args: string[]): Promise<unknown> =>
        jsonOf((await restante([...args, '--json', '--data', server])).stdout);
      expect(await run('verify')).toMatchObject({ ok: true, problems: [] });
      expect(JSON.stringify(await run('account', 'list'))).toContain(ADDRESS);
      expect(await run('store', 'move')).toMatchObject({ store: 'folder' });
      expect(await run('verify')).toMatchObject({ ok: true, problems: [] });
    });
  },
);
