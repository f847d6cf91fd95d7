/** The hub hosts of a home, on one broker and with users' folders that they share; each a process of the command line. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../../src/protocol/index.ts';
import { freePort } from '../../test/harness/home-process.ts';
import { type HubPlace, HubProcess } from '../../test/harness/hub-process.ts';

export interface UserServer {
  readonly user: Address;
  readonly host: string;
  readonly pid: number;
}

export class Hubs implements AsyncDisposable {
  readonly folder: string;
  readonly everyProcess: { readonly name: string; readonly process: HubProcess }[] = [];
  readonly #places: ReadonlyMap<string, HubPlace>;
  readonly #running = new Map<string, HubProcess>();

  private constructor(folder: string, places: ReadonlyMap<string, HubPlace>) {
    this.folder = folder;
    this.#places = places;
  }

  static async open(names: readonly string[], { amqp, nodeUrl }: { amqp: string; nodeUrl: string }): Promise<Hubs> {
    const folder = await mkdtemp(join(tmpdir(), 'hubs-'));
    const brokerFile = join(folder, 'broker');
    await writeFile(brokerFile, `${amqp}\n`, { mode: 0o600 });
    const common = { users: join(folder, 'users'), brokerFile, nodeUrl };
    const places = new Map<string, HubPlace>();
    for (const name of names) places.set(name, { ...common, folder: join(folder, name), port: await freePort() });
    const hubs = new Hubs(folder, places);
    await Promise.all(names.map((name) => hubs.start(name)));
    return hubs;
  }

  get running(): readonly HubProcess[] {
    return [...this.#running.values()];
  }

  portOf(name: string): number {
    return this.#placeOf(name).port;
  }

  async start(name: string): Promise<void> {
    const process = await HubProcess.open(this.#placeOf(name));
    this.#running.set(name, process);
    this.everyProcess.push({ name, process });
  }

  pidOf(name: string): number | undefined {
    return this.#running.get(name)?.pid;
  }

  async kill(name: string): Promise<void> {
    const process = this.#running.get(name);
    this.#running.delete(name);
    await process?.kill();
  }

  async stop(name: string): Promise<void> {
    const process = this.#running.get(name);
    this.#running.delete(name);
    await process?.stop();
  }

  async drain(name: string): Promise<void> {
    await (await this.#running.get(name)?.operator())?.drain();
  }

  async restartUser({ host, user }: UserServer): Promise<void> {
    await (await this.#running.get(host)?.operator())?.restart(user);
  }

  async userServers(): Promise<readonly UserServer[]> {
    const all = await Promise.all(
      [...this.#running].map(async ([host, process]) => {
        const { users } = await (await process.operator()).status();
        return users.flatMap(({ pid, user }) => (pid === undefined ? [] : [{ user, host, pid }]));
      }),
    );
    return all.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name)));
  }

  #placeOf(name: string): HubPlace {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`there is no hub host ${name}`);
    return place;
  }
}
