import { expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { type ConversationId, parseConversationId, parseHomeName, parsePduId } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { type Hole, Holes } from './holes.ts';
import { HINTING_HOMES_MAX } from './limits.ts';
import type { PduView } from './pdu-view.ts';

const NONE: ReadonlySet<ConversationId> = new Set();

const conversation = parseConversationId('ab'.repeat(16));
const one = parsePduId('1'.repeat(64));
const two = parsePduId('2'.repeat(64));
const b = parseHomeName('b.example');
const c = parseHomeName('c.example');

/** Nothing is held here. */
const view: PduView = {
  get: async () => [],
  page: async () => [],
  areDelivered: async (_, pdus) => pdus.map(() => false),
  areHeld: async (_, ids) => ids.map(() => false),
};

async function setup() {
  const deps = { clock: new ManualClock(0), store: new MemoryStore(), view };
  return { deps, holes: await Holes.open(deps) };
}

function onlyDue(holes: Holes): Hole {
  const due = holes.due(10);
  expect(due).toHaveLength(1);
  return due[0] as Hole;
}

test('what another home says it holds is looked for also after a restart', async () => {
  const { deps, holes } = await setup();
  await holes.hint(conversation, [one], b);
  const again = onlyDue(await Holes.open(deps));
  expect(again.hinted).toEqual(new Map([[b, [one]]]));
});

test('what one home says does not push out what another said, and outdates what it said itself', async () => {
  const { holes } = await setup();
  await holes.hint(conversation, [one], b);
  await holes.hint(conversation, [one], c);
  await holes.hint(conversation, [two], b);
  expect(onlyDue(holes).hinted).toEqual(
    new Map([
      [c, [one]],
      [b, [two]],
    ]),
  );
});

test('of many homes that say something, the last to speak are kept', async () => {
  const { deps, holes } = await setup();
  const homes = Array.from({ length: HINTING_HOMES_MAX + 3 }, (_, n) => parseHomeName(`h${n}.example`));
  for (const home of homes) await holes.hint(conversation, [one], home);
  for (const known of [holes, await Holes.open(deps)])
    expect([...onlyDue(known).hinted.keys()].sort()).toEqual(homes.slice(3).sort());
});

test('a hole that is filled is forgotten on disk too', async () => {
  const { deps, holes } = await setup();
  await holes.hint(conversation, [one], b);
  await holes.filled(onlyDue(holes));
  expect(holes.size).toBe(0);
  expect((await Holes.open(deps)).size).toBe(0);
});

test('a hole that is noted again while it is filled stays, on disk too', async () => {
  const { deps, holes } = await setup();
  await holes.hint(conversation, [one], b);
  const before = onlyDue(holes);
  // Both are under way at once, and the note comes first.
  await Promise.all([holes.hint(conversation, [two], c), holes.filled(before)]);
  expect(onlyDue(holes).hinted.get(c)).toEqual([two]);
  expect(onlyDue(await Holes.open(deps)).hinted.get(c)).toEqual([two]);
});

test('a hole waits longer each time that nobody has it, and what is new hurries it', async () => {
  const { deps, holes } = await setup();
  const other: ConversationId = parseConversationId('cd'.repeat(16));
  await holes.hint(conversation, [one], b);
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < 3; i++) {
    holes.putOff(conversation);
    waits.push(holes.waitMs(NONE));
    await deps.clock.advance(holes.waitMs(NONE) ?? 0);
  }
  expect(waits).toEqual([5_000, 10_000, 20_000]);
  holes.putOff(conversation);
  await holes.hint(other, [one], b);
  expect(onlyDue(holes).conversation).toBe(other);
  await holes.hint(conversation, [two], c);
  expect(holes.due(10)).toHaveLength(2);
});
