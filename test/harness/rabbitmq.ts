/** A private RabbitMQ on free loopback ports in a temporary folder, ended by process id. Debian: rabbitmq-server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import { freePort } from './home-process.ts';
import { skipWithout } from './requirement.ts';

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const CONTROL = '/usr/lib/rabbitmq/bin/rabbitmqctl';
const START_MS_MAX = 60_000;

/** Whether a test of RabbitMQ is skipped here, with a line that says so. */
export function skipsWithoutRabbit(test: string): boolean {
  return skipWithout(existsSync(SERVER), { test, lack: `there is no ${SERVER} (Debian: rabbitmq-server)` });
}

export class Rabbit implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly #ports: readonly [number, number];
  #child: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;

  private constructor(folder: string, ports: readonly [number, number, number]) {
    this.folder = folder;
    this.port = ports[0];
    this.#ports = [ports[1], ports[2]];
  }

  static async open(): Promise<Rabbit> {
    const folder = await mkdtemp(join(tmpdir(), 'rabbit-'));
    const rabbit = new Rabbit(folder, [await freePort(), await freePort(), await freePort()]);
    await writeFile(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${rabbit.port}\n`);
    await writeFile(join(folder, 'enabled_plugins'), '[].\n');
    const { uid, gid } = await rabbitUser();
    rabbit.#watch();
    await chmod(folder, 0o755);
    for (const path of [folder, join(folder, 'rabbitmq.conf'), join(folder, 'enabled_plugins')])
      await chown(path, uid, gid);
    await rabbit.start();
    return rabbit;
  }

  /**
   * A run that is killed leaves no broker and no port mapper: a shell that waits for the end of its stdin, which comes with
   * the end of this process, ends them by process id and port, and takes the folder away. The mapper ends when it has noticed.
   */
  #watch(): void {
    const endMapper = 'for n in 1 2 3 4 5 6 7 8 9; do epmd -port "$2" -kill && break; sleep 1; done';
    const script = `cat; kill -9 "$(cat "$1/pid")"; ${endMapper}; rm -rf "$1"`;
    this.#watcher = spawn('/bin/sh', ['-c', script, 'watch', this.folder, String(this.#ports[1])], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ERL_EPMD_ADDRESS: '127.0.0.1' },
    });
    this.#watcher.unref();
  }

  /** Of the broker itself; undefined while it is dead. */
  get pid(): number | undefined {
    return this.#child === undefined ? undefined : Number(readFileSync(join(this.folder, 'pid'), 'utf8'));
  }

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}`;
  }

  get #nodeName(): string {
    return `test${this.port}@localhost`;
  }

  /** For the broker's programs: where this one is. */
  get #environment(): Record<string, string> {
    return {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: this.folder,
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(this.#ports[1]),
    };
  }

  async start(): Promise<void> {
    const { uid, gid } = await rabbitUser();
    const [distPort] = this.#ports;
    const { folder } = this;
    this.#child = spawn(SERVER, [], {
      uid,
      gid,
      cwd: folder,
      stdio: 'ignore',
      env: {
        ...this.#environment,
        RABBITMQ_NODENAME: this.#nodeName,
        RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
        RABBITMQ_LOG_BASE: join(folder, 'log'),
        RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
        RABBITMQ_DIST_PORT: String(distPort),
        RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
        RABBITMQ_PID_FILE: join(folder, 'pid'),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none',
      },
    });
    const startedAt = performance.now();
    for (;;) {
      // A port that takes connections is not yet a broker that answers.
      const connection = await connect(this.url, { timeout: 2_000 }).catch(() => undefined);
      if (connection !== undefined) {
        await connection.close();
        return;
      }
      if (performance.now() - startedAt > START_MS_MAX) throw new Error('RabbitMQ does not answer');
      await pause(200);
    }
  }

  /** As an operator may, or a broker that gives up a queue: it goes, and the connections stay. */
  async deleteQueue(name: string): Promise<void> {
    const { gid, uid } = await rabbitUser();
    const resource = `rabbit_misc:r(<<"/">>, queue, <<"${name}">>)`;
    const code = `{ok, Q} = rabbit_amqqueue:lookup(${resource}), rabbit_amqqueue:delete(Q, false, false, <<"test">>).`;
    const child = spawn(CONTROL, ['--node', this.#nodeName, 'eval', code], {
      ...{ uid, gid, cwd: this.folder, stdio: ['ignore', 'ignore', 'inherit'] },
      env: this.#environment,
    });
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    if (exitCode !== 0) throw new Error(`rabbitmqctl ended with ${exitCode}`);
  }

  /** Like a power cut: the broker is killed. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const pid = Number(await readFile(join(this.folder, 'pid'), 'utf8'));
    const exited = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
    process.kill(pid, 'SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#watcher?.kill();
    await endEpmd(this.#ports[1]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function rabbitUser(): Promise<{ uid: number; gid: number }> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('rabbitmq:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** The port mapper that Erlang leaves running: found by the port that is ours alone. */
async function endEpmd(port: number): Promise<void> {
  const child = spawn('epmd', ['-port', String(port), '-kill'], {
    stdio: 'ignore',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ERL_EPMD_ADDRESS: '127.0.0.1' },
  });
  child.once('error', () => undefined); // not on the path: then none was started
  await once(child, 'close');
}
