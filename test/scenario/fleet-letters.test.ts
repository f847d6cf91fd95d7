/** Ordinary mail that one node of a fleet may have: its author is at another one by now. */
import { expect, test } from 'vitest';
import { Emitter, SILENT_LOG } from '../../src/base/index.ts';
import type { Client } from '../../src/client/index.ts';
import { COMPARE_INTERVAL_MS } from '../../src/client/limits.ts';
import { type LetterAnswer, Letters, type LettersStatus } from '../../src/node/index.ts';
import { parseAddress } from '../../src/protocol/index.ts';
import { never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';

const CAROL = parseAddress('carol@elsewhere.example');
const BUSY: LetterAnswer = { status: 'unavailable', detail: '', retryAfterMs: 1_000 };
const NOTHING: LettersStatus = { queued: 0, delivered: 0, refused: 0, deferred: 0, destinations: [] };

/** Two nodes, and what each was handed; a person at `b`, which has yet to say whether it took a letter. */
async function setup() {
  const taken: string[] = [];
  const busy = new Set(['b']);
  const letters = new Map(['a', 'b'].map((name) => [name, new Letters({ log: SILENT_LOG }, { bytesMax: 1_000_000 })]));
  for (const [name, one] of letters)
    one.carry({
      bytesMax: 1_000_000,
      take: async () => {
        taken.push(name);
        return busy.has(name) ? BUSY : { status: 'ok', receivedAt: 0 };
      },
      takePiece: async () => BUSY,
      reportsOf: async () => [],
      status: NOTHING,
      retry: () => undefined,
      reports: new Emitter(() => undefined),
    });
  const world = await FleetWorld.open(['a', 'b'], { letters, abroad: NO_OTHER_HOMES });
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'b');
  await world.settled();
  const client = await clients.open(alice, 'b');
  await use(world, client, 'b');
  const sending = client.send({ to: [CAROL], text: 'once', ordinary: 'plain' });
  sending.catch(() => undefined);
  await world.until(() => taken.includes('b'), 'offered to b');
  return {
    world,
    client,
    busy,
    taken,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function use(world: FleetWorld, client: Client, node: string): Promise<void> {
  await client.nodes.pin(node);
  await world.moving(client.connect(never));
  await world.until(() => client.nodes.list().some(({ name, state }) => name === node && state === 'connected'));
}

test('a letter that one node may have goes to that one, also when its author is at another', async () => {
  await using setting = await setup();
  const { busy, client, taken, world } = setting;
  await use(world, client, 'a');
  busy.clear();
  await world.pass(COMPARE_INTERVAL_MS);
  await world.until(() => client.outbox.items.length === 0, 'handed over');
  expect(new Set(taken)).toEqual(new Set(['b']));
});

test('a letter that a node may have which is of the home no more is told as refused, and sent by another if asked to', async () => {
  await using setting = await setup();
  const { client, taken, world } = setting;
  await use(world, client, 'a');
  await world.loseDisk('b');
  await world.join('b', 'a');
  await world.pass(2 * COMPARE_INTERVAL_MS);
  await world.until(() => client.outbox.items[0]?.refused !== undefined, 'told');
  const [item] = client.outbox.items;
  expect(item?.refused).toMatchObject({ code: 'node_gone' });
  expect(taken).not.toContain('a');
  expect(await client.outbox.retry(item?.id as never)).toBe(true);
  await world.until(() => client.outbox.items.length === 0, 'handed over');
  expect(taken.at(-1)).toBe('a');
});
