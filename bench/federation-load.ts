/** Two homes, people at both, and mail from one to the other as load. */
import { invariant } from '../src/base/index.ts';
import type { Address } from '../src/protocol/index.ts';
import type { Person } from '../test/harness/person.ts';
import type { WireClient } from '../test/harness/wire-client.ts';
import { mailboxOf } from './drain-load.ts';
import { Load } from './load.ts';
import { NodeProcess, type NodeUsage } from './node-process.ts';
import { register, signIn } from './people.ts';

const CONNECTIONS = 50;
/** Before the clock starts; the homes have found each other by then, too. */
const WARM_UP_MAILS = 3_000;
const LOOK_PAUSE_MS = 20;

export interface RelayRate {
  readonly perSecond: number;
  readonly seconds: number;
  /** Of all threads of the home that sends, microseconds a mail, submits included. */
  readonly senderCpuMicros: number;
  readonly senderMainThreadMicros: number;
  readonly receiverCpuMicros: number;
  readonly receiverMainThreadMicros: number;
}

interface Reader {
  readonly address: Address;
  readonly client: WireClient;
}

export class TwoHomes implements AsyncDisposable {
  readonly sender: NodeProcess;
  readonly load: Load;
  readonly #execArgv: readonly string[];
  #receiver: NodeProcess;
  readonly #people: readonly Person[];
  #readers: readonly Reader[];
  /** What was ever sent to each of the readers. */
  readonly #sent = new Map<Address, number>();

  private constructor(
    sender: NodeProcess,
    receiver: NodeProcess,
    load: Load,
    people: readonly Person[],
    readers: readonly Reader[],
    execArgv: readonly string[],
  ) {
    this.sender = sender;
    this.#receiver = receiver;
    this.load = load;
    this.#people = people;
    this.#readers = readers;
    this.#execArgv = execArgv;
  }

  static async open(execArgv: readonly string[]): Promise<TwoHomes> {
    const sender = await NodeProcess.open({ execArgv: [...execArgv] });
    const receiver = await NodeProcess.open({ execArgv: [...execArgv] });
    const load = await Load.open(sender, CONNECTIONS);
    const people = await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, i) => register(receiver.url, `r${i}@${receiver.home}`)),
    );
    const readers = await signInAll(receiver, people);
    return new TwoHomes(sender, receiver, load, people, readers, execArgv);
  }

  get receiver(): NodeProcess {
    return this.#receiver;
  }

  get readers(): readonly Reader[] {
    return this.#readers;
  }

  /** Submits at one home while the other receives; ends when the last mail is on the other's disk. */
  async relay(mails: number, bodyBytes: number): Promise<RelayRate> {
    await this.#send(this.#prepare(WARM_UP_MAILS, bodyBytes));
    const queues = this.#prepare(mails, bodyBytes);
    const count = countOf(queues);
    const before = { sender: await this.sender.usage(), receiver: await this.#receiver.usage() };
    const startedAt = performance.now();
    await this.#send(queues);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = { sender: await this.sender.usage(), receiver: await this.#receiver.usage() };
    return {
      perSecond: count / seconds,
      seconds,
      senderCpuMicros: micros(before.sender, after.sender, 'cpuSeconds', count),
      senderMainThreadMicros: micros(before.sender, after.sender, 'mainThreadSeconds', count),
      receiverCpuMicros: micros(before.receiver, after.receiver, 'cpuSeconds', count),
      receiverMainThreadMicros: micros(before.receiver, after.receiver, 'mainThreadSeconds', count),
    };
  }

  /** Mails that wait while the other home is away; the clock starts when it serves again. */
  async drain(mails: number, bodyBytes: number): Promise<{ readonly seconds: number; readonly perSecond: number }> {
    await this.#send(this.#prepare(WARM_UP_MAILS, bodyBytes));
    const queues = this.#prepare(mails, bodyBytes);
    const count = countOf(queues);
    this.#noteSent(queues);
    const { folder, url } = this.#receiver;
    for (const { client } of this.#readers) client.close();
    await this.#receiver.stop();
    await this.load.submit(this.sender, queues);
    const port = Number(new URL(url).port);
    this.#receiver = await NodeProcess.open({ folder, port, execArgv: [...this.#execArgv] });
    const startedAt = performance.now();
    this.#readers = await signInAll(this.#receiver, this.#people);
    await this.#arrival();
    const seconds = (performance.now() - startedAt) / 1000;
    return { seconds, perSecond: count / seconds };
  }

  /** Somebody else sent these; they are waited for, too. */
  alsoSent(reader: Address, mails: number): void {
    this.#sent.set(reader, (this.#sent.get(reader) ?? 0) + mails);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.load[Symbol.dispose]();
    for (const { client } of this.#readers) client.close();
    await this.sender[Symbol.asyncDispose]();
    await this.#receiver[Symbol.asyncDispose]();
  }

  /** Each writes to one at the other home. */
  #prepare(mails: number, bodyBytes: number): ReturnType<Load['prepare']> {
    return this.load.prepare(mails, bodyBytes, (author) => [(this.#people[author] as Person).address]);
  }

  async #send(queues: ReturnType<Load['prepare']>): Promise<void> {
    this.#noteSent(queues);
    await this.load.submit(this.sender, queues);
    await this.#arrival();
  }

  #noteSent(queues: ReturnType<Load['prepare']>): void {
    queues.forEach((queue, i) => {
      this.alsoSent((this.#people[i] as Person).address, queue.length);
    });
  }

  /** Everything that was sent is in a mailbox of the other home. */
  async #arrival(): Promise<void> {
    for (const { address, client } of this.#readers) {
      const sent = this.#sent.get(address) ?? 0;
      for (;;) {
        const { number } = await mailboxOf(client);
        invariant(number <= sent, `${address} got something twice`);
        if (number === sent) break;
        await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
      }
    }
  }
}

async function signInAll(node: NodeProcess, people: readonly Person[]): Promise<readonly Reader[]> {
  return await Promise.all(
    people.map(async (person) => ({ address: person.address, client: await signIn(node.url, person) })),
  );
}

function countOf(queues: readonly (readonly unknown[])[]): number {
  return queues.reduce((sum, queue) => sum + queue.length, 0);
}

function micros(before: NodeUsage, after: NodeUsage, what: 'cpuSeconds' | 'mainThreadSeconds', count: number): number {
  return ((after[what] - before[what]) * 1e6) / count;
}
