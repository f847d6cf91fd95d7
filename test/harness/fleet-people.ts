/** What people do at the nodes of a fleet, and what they find there. */
import { expect } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { type PduId, pduIdOf, ReceiptStatus } from '../../src/protocol/index.ts';
import type { FleetWorld } from './fleet-world.ts';
import { type Person, writePdu } from './person.ts';
import type { WireClient } from './wire-client.ts';

/** Submits mail to oneself at a node; its id. */
export async function write(world: FleetWorld, client: WireClient, author: Person, text: string): Promise<PduId> {
  const body = utf8(text);
  const pdu = writePdu(world.random, author, [author.address], body);
  const receipt = await world.moving(client.submit(pdu, body));
  expect(receipt.status).toBe(ReceiptStatus.OK);
  return pdu.id;
}

/** What a person gets who asks a node for everything. */
export async function readAll(world: FleetWorld, person: Person, at: string): Promise<PduId[]> {
  const client = await world.signIn(person, at);
  await world.moving(client.follow());
  client.close();
  return [...client.entries.values()].flat().map((entry) => pduIdOf(world.suite, entry.pdu));
}

/** Every view of these nodes is what their feeds say. */
export async function verified(world: FleetWorld, ...names: readonly string[]): Promise<void> {
  for (const name of names) expect((await world.core(name).operator.verify()).problems).toEqual([]);
}
