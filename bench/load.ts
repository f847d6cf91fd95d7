/** Submits as load: everything is signed before the clock starts, since the generator shares the machine with the node. */
import { type Address, type Pdu, ReceiptStatus } from '../src/protocol/index.ts';
import { type Person, writePdu } from '../test/harness/person.ts';
import type { WireClient } from '../test/harness/wire-client.ts';
import type { NodeProcess } from './node-process.ts';
import { random, registerAuthor, signIn } from './people.ts';

/** Submits of one connection without a receipt. */
const WINDOW = 64;

export interface Mail {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

export interface SubmitRate {
  readonly perSecond: number;
  /** Of all threads of the node, microseconds a submit: holds on a busy machine where the rate does not. */
  readonly nodeCpuMicros: number;
  /** Of its main thread; 0 where the system does not tell. */
  readonly mainThreadMicros: number;
}

export class Load implements Disposable {
  readonly people: readonly Person[];
  readonly #clients: readonly WireClient[];

  private constructor(people: readonly Person[], clients: readonly WireClient[]) {
    this.people = people;
    this.#clients = clients;
  }

  /** One connection a person; people are registered unless they are given. */
  static async open(node: NodeProcess, connections: number, people?: readonly Person[]): Promise<Load> {
    const known =
      people ??
      (await Promise.all(
        Array.from({ length: connections }, (_, i) => registerAuthor(node.url, `p${i}@${node.home}`)),
      ));
    return new Load(known, await Promise.all(known.map((person) => signIn(node.url, person))));
  }

  /** Mails of each connection; without `to` each person writes to the next. */
  prepare(
    messages: number,
    bodyBytes: number,
    to?: readonly Address[] | ((author: number) => readonly Address[]),
  ): Mail[][] {
    const each = Math.floor(messages / this.people.length);
    return this.people.map((person, i) => {
      const next = [this.people[(i + 1) % this.people.length]?.address ?? person.address];
      const readers = typeof to === 'function' ? to(i) : (to ?? next);
      return Array.from({ length: each }, () => {
        const body = random.bytes(bodyBytes);
        return { pdu: writePdu(random, person, readers, body), body };
      });
    });
  }

  /** Every mail of `queues` is acknowledged when this resolves; throws at the first that is not accepted. */
  async submit(node: NodeProcess, queues: readonly Mail[][]): Promise<SubmitRate> {
    const count = queues.reduce((sum, queue) => sum + queue.length, 0);
    const before = await node.usage();
    const startedAt = performance.now();
    await Promise.all(this.#clients.map((client, i) => drainQueue(client, queues[i] ?? [])));
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await node.usage();
    return {
      perSecond: count / seconds,
      nodeCpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
      mainThreadMicros: ((after.mainThreadSeconds - before.mainThreadSeconds) * 1e6) / count,
    };
  }

  /** Milliseconds from a submit to its receipt, one after the other, ascending. */
  async latencies(queues: readonly Mail[][]): Promise<number[]> {
    const took: number[] = [];
    for (const [i, client] of this.#clients.entries())
      for (const mail of queues[i] ?? []) {
        const startedAt = performance.now();
        await submitOne(client, mail);
        took.push(performance.now() - startedAt);
      }
    return took.sort((a, b) => a - b);
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
  }
}

async function drainQueue(client: WireClient, queue: Mail[]): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) await submitOne(client, next);
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
}

async function submitOne(client: WireClient, { body, pdu }: Mail): Promise<void> {
  const receipt = await client.submit(pdu, body);
  if (receipt.status !== ReceiptStatus.OK) throw new Error(`refused: ${JSON.stringify(receipt)}`);
}
