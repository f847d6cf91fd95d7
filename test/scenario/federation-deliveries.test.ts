/** What authors hear of mail that another home refuses, or that waits for it for hours: durably, once, over any restart. */
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/index.ts';
import { SystemRandom } from '../../src/base/system/index.ts';
import { type Address, type Delivery, DeliveryStatus, type PduId, ReceiptStatus } from '../../src/protocol/index.ts';
import { LiveFederation, type LiveFederationHome } from '../harness/live-federation.ts';
import type { Person } from '../harness/person.ts';
import { Thread } from '../harness/thread.ts';
import type { WireClient } from '../harness/wire-client.ts';

const random = new SystemRandom();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function setup() {
  const federation = new LiveFederation();
  const [a, b] = [await federation.add(), await federation.add()];
  const [alice, bob] = [await a.person('alice'), await b.person('bob')];
  return {
    ...{ federation, a, b, alice, bob },
    async send(recipients: readonly Address[]): Promise<PduId> {
      const { body, pdu } = new Thread(random, alice).found(alice, recipients);
      const client = await a.signIn(alice);
      expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
      client.close();
      return pdu.id;
    },
    /** What she is told with a new connection. */
    async told(): Promise<readonly Delivery[]> {
      const client = await a.signIn(alice);
      const deliveries = await ask(client);
      client.close();
      return deliveries;
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

async function ask(client: WireClient): Promise<readonly Delivery[]> {
  const answer = await client.ask((request) => ({ oneofKind: 'getDeliveries', getDeliveries: { request } }));
  if (answer.oneofKind !== 'deliveries') throw new Error(`not deliveries: ${JSON.stringify(answer)}`);
  return answer.deliveries.deliveries;
}

async function restart(home: LiveFederationHome): Promise<void> {
  await home.stop();
  await home.start();
}

const statuses = (deliveries: readonly Delivery[]): readonly string[] =>
  deliveries.map(({ pdu, status }) => `${toHex(pdu)} ${DeliveryStatus[status]}`);

describe('an author', () => {
  test('is told why another home refuses a mail: at once, and whenever they connect later', async () => {
    await using world = await setup();
    const { a, alice, b, federation } = world;
    const listening = await a.signIn(alice);
    expect(await ask(listening)).toEqual([]);
    const nobody = `nobody@${b.home}` as Address;
    const refused = await world.send([nobody]);
    expect(await federation.until(() => listening.unasked.length > 0, MINUTE)).toBe(true);
    const [pushed] = listening.unasked;
    expect(pushed?.oneofKind).toBe('deliveries');
    const told = await world.told();
    expect(pushed).toEqual({ oneofKind: 'deliveries', deliveries: { request: 0, deliveries: told } });
    expect(statuses(told)).toEqual([`${refused} REFUSED`]);
    expect(told[0]).toMatchObject({ home: b.home, recipients: [nobody], code: 'unknown_recipient' });
    await restart(a);
    expect(await world.told()).toEqual(told);
  });

  test('hears nothing of mail that goes its way, and nobody hears of another’s', async () => {
    await using world = await setup();
    const { a, b, bob, federation } = world;
    await world.send([bob.address]);
    expect(await federation.until(async () => (await b.mailCount(bob)) === 1, MINUTE)).toBe(true);
    await federation.pass(5 * HOUR, 10 * MINUTE);
    expect(await world.told()).toEqual([]);
    await world.send([`nobody@${b.home}` as Address]);
    const carol: Person = await a.person('carol');
    expect(await federation.until(async () => (await world.told()).length === 1, HOUR, MINUTE)).toBe(true);
    expect(await ask(await a.signIn(carol))).toEqual([]);
  });

  test('is told after hours that a mail still waits, once, and when it has arrived after all', async () => {
    await using world = await setup();
    const { a, b, bob, federation } = world;
    await b.stop();
    const waiting = await world.send([bob.address]);
    const acceptedAt = federation.clock.now();
    await federation.pass(3 * HOUR, 10 * MINUTE);
    expect(await world.told()).toEqual([]);
    const isTold = async (): Promise<boolean> => (await world.told()).length > 0;
    expect(await federation.until(isTold, 2 * HOUR, 10 * MINUTE)).toBe(true);
    const told = await world.told();
    expect(statuses(told)).toEqual([`${waiting} DELAYED`]);
    const { at = 0, queuedAt = 0 } = told[0] ?? {};
    expect(queuedAt / 1000).toBeLessThanOrEqual(acceptedAt);
    expect((at - queuedAt) / 1000).toBeGreaterThanOrEqual(4 * HOUR);
    await restart(a);
    await federation.pass(24 * HOUR, 30 * MINUTE);
    expect(await world.told()).toEqual(told);
    await b.start();
    expect(await federation.until(async () => (await b.mailCount(bob)) === 1, 3 * HOUR, MINUTE)).toBe(true);
    const isDelivered = async (): Promise<boolean> => statuses(await world.told())[0] === `${waiting} DELIVERED`;
    expect(await federation.until(isDelivered, HOUR, MINUTE)).toBe(true);
  });

  test('is told of the refusal of a mail that waited, and not that it arrived', async () => {
    await using world = await setup();
    const { b, federation } = world;
    await b.stop();
    const waiting = await world.send([`nobody@${b.home}` as Address]);
    const isTold = async (): Promise<boolean> => (await world.told()).length > 0;
    expect(await federation.until(isTold, 6 * HOUR, 10 * MINUTE)).toBe(true);
    expect(statuses(await world.told())).toEqual([`${waiting} DELAYED`]);
    await b.start();
    const isRefused = async (): Promise<boolean> => statuses(await world.told())[0] === `${waiting} REFUSED`;
    expect(await federation.until(isRefused, 3 * HOUR, MINUTE)).toBe(true);
    await federation.pass(2 * HOUR, 10 * MINUTE);
    expect(statuses(await world.told())).toEqual([`${waiting} REFUSED`]);
  });
});
