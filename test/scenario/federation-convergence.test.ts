/**
 * Three homes whose people change a conversation while nobody reaches anybody: after the ways are healed all hold the same
 * PDUs and say the same of its members, although nobody writes again.
 */
import { describe, expect, test } from 'vitest';
import { SystemRandom } from '../../src/base/system/index.ts';
import { type Address, ReceiptStatus } from '../../src/protocol/index.ts';
import { LiveFederation, type LiveFederationHome } from '../harness/live-federation.ts';
import type { Person } from '../harness/person.ts';
import { type Said, Thread } from '../harness/thread.ts';

const random = new SystemRandom();
const DAY = 86_400_000;

async function openHomes() {
  const federation = new LiveFederation();
  const a = await federation.add();
  const b = await federation.add();
  const c = await federation.add();
  const alice = await a.person('alice');
  const bob = await b.person('bob');
  const carol = await c.person('carol');
  return {
    federation,
    ...{ a, b, c, alice, bob, carol },
    cutAll() {
      federation.cut(a, b);
      federation.cut(a, c);
      federation.cut(b, c);
    },
    /** What each home holds of the thread, as text that can be compared. */
    async views(thread: Thread) {
      return Promise.all([a, b, c].map((home) => viewOf(home, thread)));
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

async function viewOf(home: LiveFederationHome, { conversation }: Thread): Promise<string> {
  const fold = await home.core.conversations.get(conversation);
  const members = [...fold.state.members].map(([address, { role, by }]) => `${address} ${role} ${by}`);
  return [...fold.order, ...members, fold.missing.join(), fold.waiting.join()].join('\n');
}

async function submit(home: LiveFederationHome, person: Person, said: readonly Said[]): Promise<void> {
  const client = await home.signIn(person);
  for (const { pdu, body } of said) expect(await client.submit(pdu, body)).toMatchObject({ status: ReceiptStatus.OK });
  client.close();
}

describe('three homes', () => {
  test('that were cut off from each other while members came, went and wrote agree after healing, with no further mail', async () => {
    await using homes = await openHomes();
    const { federation, a, b, c, alice, bob, carol, views } = homes;
    const dave = await b.person('dave');
    const erin = await c.person('erin');
    const everybody: Address[] = [alice, bob, carol].map(({ address }) => address);
    const thread = new Thread(random, alice);
    const founded = thread.found(alice, [bob.address, carol.address]);
    await submit(a, alice, [founded]);
    const owner = thread.member(alice, [founded], everybody, bob.address, 'owner');
    await submit(a, alice, [owner]);
    const same = async (size: number): Promise<boolean> => {
      const said = new Set(await views(thread));
      return said.size === 1 && (await a.core.conversations.get(thread.conversation)).size === size;
    };
    expect(await federation.until(() => same(2), DAY)).toBe(true);

    homes.cutAll();
    const left = thread.member(carol, [owner], everybody, carol.address, 'left');
    await submit(c, carol, [thread.mail(carol, [owner], everybody, 'carol, alone'), left]);
    const added = thread.member(bob, [owner], [...everybody, dave.address], dave.address, 'member');
    await submit(b, bob, [added]);
    await submit(b, dave, [thread.mail(dave, [added], [...everybody, dave.address], 'dave, alone')]);
    const alsoAdded = thread.member(alice, [owner], [...everybody, erin.address], erin.address, 'member');
    const demoted = thread.member(alice, [alsoAdded], [...everybody, erin.address], bob.address, 'member');
    await submit(a, alice, [alsoAdded, demoted, thread.mail(alice, [demoted], [erin.address], 'alice, to one')]);
    await federation.pass(3 * 3_600_000, 60_000);
    expect(new Set(await views(thread)).size).toBe(3);

    federation.heal();
    const agreed = await federation.until(() => same(9), DAY, 5_000);
    expect(agreed, (await views(thread)).join('\n\n')).toBe(true);
  });
});
