/**
 * A home in a process of its own that hostile tests talk to, and somebody whose mail goes through it all the while: what
 * others suffer is measured, not supposed.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { SystemRandom, WsSocket, wsOptions } from '../../src/base/system/index.ts';
import { type Address, FRAME_BYTES_MAX, ReceiptStatus } from '../../src/protocol/index.ts';
import { HomeProcess, jsonOf, restante } from './home-process.ts';
import { createPerson, type Person, writePdu } from './person.ts';
import { WireClient } from './wire-client.ts';

const WITNESS_PAUSE_MS = 25;

export interface RawClient {
  readonly client: WireClient;
  /** The TCP socket under it, for what no WebSocket would send. */
  readonly tcp: Socket;
}

/** A 503 at the door. */
export class TurnedAway extends Error {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(`turned away for ${retryAfterSeconds} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export class LiveHome implements AsyncDisposable {
  readonly random = new SystemRandom();
  readonly process: HomeProcess;
  readonly #folder: string;
  readonly #clients = new Set<WireClient>();

  private constructor(folder: string, process: HomeProcess) {
    this.#folder = folder;
    this.process = process;
  }

  /** Limits as `up --limit` takes them. */
  static async open(limits: Readonly<Record<string, number>> = {}): Promise<LiveHome> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-live-'));
    const options = Object.entries(limits).flatMap(([name, value]) => ['--limit', `${name}=${value}`]);
    return new LiveHome(folder, await HomeProcess.open(folder, 0, options));
  }

  get port(): number {
    return Number(new URL(this.process.url).port);
  }

  /** Throws TurnedAway. */
  async connect(): Promise<RawClient> {
    const socket = new WebSocket(this.process.url, wsOptions(FRAME_BYTES_MAX));
    const raw = await new Promise<RawClient>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('unexpected-response', (request, response) => {
        reject(new TurnedAway(Number(response.headers['retry-after'])));
        request.destroy();
      });
      socket.once('upgrade', ({ socket: tcp }) =>
        socket.once('open', () => resolve({ client: new WireClient(WsSocket.adopt(socket, tcp)), tcp })),
      );
    });
    this.#clients.add(raw.client);
    void raw.client.ended().finally(() => this.#clients.delete(raw.client));
    return raw;
  }

  async person(name: string): Promise<Person> {
    const person = createPerson(this.random, `${name}@${this.process.home}` as Address);
    const { client } = await this.connect();
    const answer = await client.register(person);
    client.close();
    if (answer.oneofKind !== 'chain') throw new Error(`not registered: ${JSON.stringify(answer)}`);
    return person;
  }

  async signIn(person: Person): Promise<RawClient> {
    const raw = await this.connect();
    const answer = await raw.client.authenticate(this.random, person.address, person.device);
    if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
    return raw;
  }

  /** Resident memory now and its peak since `forgetPeak`, in MiB; zeros where the system does not tell. */
  memory(): { readonly now: number; readonly peak: number } {
    if (process.platform !== 'linux') return { now: 0, peak: 0 };
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    const mib = (field: string): number =>
      Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
    return { now: mib('VmRSS'), peak: mib('VmHWM') };
  }

  async forgetPeak(): Promise<void> {
    // proc(5): 5 resets the peak to the current value.
    if (process.platform === 'linux') await writeFile(`/proc/${this.process.pid}/clear_refs`, '5');
  }

  async witness(): Promise<Witness> {
    const person = await this.person('witness');
    return new Witness(this, person, (await this.signIn(person)).client);
  }

  /** Stops the home, which must have lived until now, and checks its folder. */
  async verify(): Promise<unknown> {
    await this.process.stop();
    return jsonOf((await restante(['verify', '--json', '--data', this.#folder])).stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.process.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Submits one mail after the other and notes how long each receipt took. Fails at the first that is not OK. */
export class Witness {
  readonly #home: LiveHome;
  readonly #person: Person;
  readonly #client: WireClient;
  readonly #running: Promise<{ served: number; slowestMs: number }>;
  #stopping = false;

  constructor(home: LiveHome, person: Person, client: WireClient) {
    this.#home = home;
    this.#person = person;
    this.#client = client;
    this.#running = this.#run();
    this.#running.catch(() => undefined); // told by finish
  }

  finish(): Promise<{ readonly served: number; readonly slowestMs: number }> {
    this.#stopping = true;
    return this.#running;
  }

  async #run(): Promise<{ served: number; slowestMs: number }> {
    const counts = { served: 0, slowestMs: 0 };
    while (!this.#stopping) {
      const body = this.#home.random.bytes(1_000);
      const startedAt = performance.now();
      const receipt = await this.#client.submit(
        writePdu(this.#home.random, this.#person, [this.#person.address], body),
        body,
      );
      if (receipt.status !== ReceiptStatus.OK) throw new Error(`the witness got ${JSON.stringify(receipt)}`);
      counts.served += 1;
      counts.slowestMs = Math.max(counts.slowestMs, Math.round(performance.now() - startedAt));
      await pause(WITNESS_PAUSE_MS);
    }
    return counts;
  }
}
