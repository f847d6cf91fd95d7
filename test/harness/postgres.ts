/** A private PostgreSQL on a free loopback port in a temporary folder, ended by process id. Debian: postgresql. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './home-process.ts';
import { skipWithout } from './requirement.ts';

const VERSIONS = '/usr/lib/postgresql';
/** How standbys call themselves to whom they stream from. */
const STANDBY = 'standby';
const START_MS_MAX = 60_000;
const POLL_MS = 50;

/** Of the newest version that is here. */
function programFolder(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const [newest] = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : join(VERSIONS, newest, 'bin');
}

/** Whether a test of PostgreSQL is skipped here, with a line that says so. */
export function skipsWithoutPostgres(test: string): boolean {
  return skipWithout(programFolder() !== undefined, { test, lack: `there is no ${VERSIONS} (Debian: postgresql)` });
}

export class Postgres implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly #user: { readonly uid: number; readonly gid: number };
  #child: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;

  private constructor(folder: string, port: number, user: { uid: number; gid: number }) {
    this.folder = folder;
    this.port = port;
    this.#user = user;
  }

  static async open(): Promise<Postgres> {
    const options = ['--auth', 'trust', '--username', 'restante', '--no-locale', '--encoding', 'UTF8'];
    return Postgres.#make('initdb', options);
  }

  /** A standby that streams from another, at the port of one that is gone or a free one. */
  static async standbyOf(primary: Postgres, port?: number): Promise<Postgres> {
    const from = `host=127.0.0.1 port=${primary.port} user=restante application_name=${STANDBY}`;
    return Postgres.#make('pg_basebackup', ['--dbname', from, '--write-recovery-conf', '--checkpoint=fast'], port);
  }

  static async #make(program: string, options: readonly string[], port?: number): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
    const user = await postgresUser();
    await chown(folder, user.uid, user.gid);
    const postgres = new Postgres(folder, port ?? (await freePort()), user);
    const path = join(programFolder() as string, program);
    await promisify(execFile)(path, ['--pgdata', join(folder, 'data'), ...options], { ...user, cwd: folder });
    await postgres.start();
    return postgres;
  }

  /** The address of several servers of which one takes writes. */
  static urlOf(servers: readonly Postgres[]): string {
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `postgres://restante@${hosts}/postgres?target_session_attrs=read-write`;
  }

  /** From now on a commit is confirmed when the standby has it on its disk too. */
  async waitForStandby(): Promise<void> {
    const client = await this.client();
    await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${STANDBY}'`);
    await client.query('SELECT pg_reload_conf()');
    const states = async (): Promise<unknown[]> =>
      (await client.query('SELECT sync_state FROM pg_stat_replication')).rows.map((row) => row.sync_state);
    // The server tells nobody when it has read its settings anew.
    while (!(await states()).includes('sync')) await pause(POLL_MS);
    await client.end();
  }

  /** A standby takes writes from now on. */
  async promote(): Promise<void> {
    const client = await this.client();
    await client.query('SELECT pg_promote(true, 60)');
    await client.end();
  }

  /** Undefined while it is dead. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get url(): string {
    return `postgres://restante@127.0.0.1:${this.port}/postgres`;
  }

  /** For looking at it, and for changing it behind a store's back. The caller ends it. */
  async client(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    return client;
  }

  /** Resolves when it answers; what it has to recover from a kill is recovered then. */
  async start(): Promise<void> {
    const until = performance.now() + START_MS_MAX;
    for (;;) {
      if (this.#child === undefined) this.#spawn();
      const client = new pg.Client({ connectionString: this.url });
      client.on('error', () => undefined); // it is told below
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (performance.now() > until) throw new Error('PostgreSQL does not answer', { cause: error });
      }
      await pause(POLL_MS);
    }
  }

  /** Like a power cut. Its children end when they notice; until then a start is refused, and tried again. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const exited = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
    child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#watcher?.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #spawn(): void {
    const options = ['-D', join(this.folder, 'data'), '-p', `${this.port}`, '-h', '127.0.0.1', '-k', this.folder];
    const child = spawn(join(programFolder() as string, 'postgres'), options, {
      ...this.#user,
      cwd: this.folder,
      stdio: 'ignore',
      env: { PATH: '/usr/bin:/bin' },
    });
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#watch(child.pid as number);
  }

  /** A run that is killed leaves no server: a shell that waits for the end of its stdin ends it and takes the folder away. */
  #watch(pid: number): void {
    this.#watcher?.kill();
    this.#watcher = spawn(
      '/bin/sh',
      ['-c', 'cat; kill -9 "$1"; sleep 1; rm -rf "$2"', 'watch', `${pid}`, this.folder],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
        env: { PATH: '/usr/bin:/bin' },
      },
    );
    this.#watcher.unref();
  }
}

/** PostgreSQL refuses to run as root. */
async function postgresUser(): Promise<{ uid: number; gid: number }> {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
