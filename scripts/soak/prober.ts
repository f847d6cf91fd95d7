/** Whether a home is itself: somebody submits at each of its nodes, and each node has what the others have. */
import { SystemRandom } from '../../src/base/system/index.ts';
import { type Address, ReceiptStatus } from '../../src/protocol/index.ts';
import type { LiveFleet } from '../../test/harness/live-fleet.ts';
import { createPerson, type Person, writePdu } from '../../test/harness/person.ts';
import { PROBE_TRY_MS } from './limits.ts';

const random = new SystemRandom();

export class Prober {
  readonly fleet: LiveFleet;
  readonly #person: Person;

  private constructor(fleet: LiveFleet, person: Person) {
    this.fleet = fleet;
    this.#person = person;
  }

  static async open(fleet: LiveFleet): Promise<Prober> {
    const person = createPerson(random, `probe@${fleet.home}` as Address);
    const client = await fleet.connect('a');
    const answer = await client.register(person);
    client.close();
    if (answer.oneofKind !== 'chain') throw new Error(`the prober has no account: ${JSON.stringify(answer)}`);
    return new Prober(fleet, person);
  }

  /** A mail is taken at the node, and is on the disks of as many as the home asks for. */
  async serves(node: string): Promise<boolean> {
    const client = await this.fleet.connect(node);
    try {
      return await within(PROBE_TRY_MS, async () => {
        await client.authenticate(random, this.#person.address, this.#person.device);
        const body = random.bytes(200);
        const receipt = await client.submit(writePdu(random, this.#person, [this.#person.address], body), body);
        return receipt.status === ReceiptStatus.OK;
      });
    } finally {
      client.close();
    }
  }

  /** By node, how much it has of each feed of the home. */
  async lengths(): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
    const all = await Promise.all(
      this.fleet.running.map(async ({ name }) => {
        const status = await within(PROBE_TRY_MS, () =>
          this.fleet.operator(name, (operator) => operator.fleetStatus()),
        );
        return [name, new Map(status.feeds.map(({ feed, have }) => [feed, have]))] as const;
      }),
    );
    return new Map(all);
  }
}

/**
 * Whether every node has what any had at the first look. Mail goes on meanwhile, so that nodes are hardly ever equal; a node
 * that was left since counts no more.
 */
export function caughtUp(probers: readonly Prober[]): () => Promise<boolean> {
  const wanted = new Map<string, number>();
  return async () => {
    if (probers.some(({ fleet }) => fleet.running.length < fleet.nodes.size)) return false;
    const homes = await Promise.all(probers.map((prober) => prober.lengths()));
    const all = homes.flatMap((home) => [...home.values()].flatMap((feeds) => [...feeds]));
    if (wanted.size === 0) for (const [feed, length] of all) wanted.set(feed, Math.max(length, wanted.get(feed) ?? 0));
    return homes.every((home) => {
      const feeds = new Set([...home.values()].flatMap((lengths) => [...lengths.keys()]));
      const isThere = (lengths: ReadonlyMap<string, number>): boolean =>
        [...feeds].every((feed) => (lengths.get(feed) ?? 0) >= (wanted.get(feed) ?? 0));
      return [...home.values()].every(isThere);
    });
  };
}

/** Throws when it takes longer. */
export async function within<Result>(ms: number, work: () => Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
