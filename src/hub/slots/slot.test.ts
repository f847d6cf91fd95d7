import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromUtf8, SeededSecureRandom } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { SESSION_SLOTS_MAX } from './limits.ts';
import {
  createPasswordSlot,
  createStretching,
  createTokenSlot,
  openPasswordSlot,
  openTokenSlot,
  parseToken,
  type Slot,
  type SlotTerms,
  type Token,
} from './slot.ts';
import { readSlots, withSlot, writeSlots } from './slot-file.ts';
import { Stretcher } from './stretcher.ts';

const random = new SeededSecureRandom(3);
const alice = parseAddress('alice@home.example');
const hubKey = random.bytes(32);
const terms: SlotTerms = { kind: 'app', name: 'phone', scopes: ['read'], createdAt: 1_000 };

describe('a slot', () => {
  test('of a token gives the hub key to that token alone', () => {
    const { slot, token } = createTokenSlot(random, alice, hubKey, terms);
    const parsed = parseToken(token) as Token;
    expect(parsed).toMatchObject({ user: alice, slotId: slot.id });
    expect(openTokenSlot(slot, parsed)).toEqual(hubKey);
    const other = parseToken(createTokenSlot(random, alice, hubKey, terms).token) as Token;
    expect(openTokenSlot(slot, other)).toBeUndefined();
    expect(openTokenSlot({ ...slot, id: other.slotId }, parsed)).toBeUndefined();
  });

  test('of a password gives it to what that password is stretched to', async () => {
    await using stretcher = new Stretcher(new SodiumSuite());
    const stretching = createStretching(random);
    const keys = await Promise.all(['tea', 'tea', 'Tea'].map((password) => stretcher.stretch(password, stretching)));
    const [first, again, wrong] = keys as [Uint8Array, Uint8Array, Uint8Array];
    const slot = createPasswordSlot(random, hubKey, { ...terms, kind: 'password' }, { stretching, key: first });
    expect(openPasswordSlot(slot, again)).toEqual(hubKey);
    expect(openPasswordSlot(slot, wrong)).toBeUndefined();
  });

  test.each(['', 'rst1.', 'rst1.YQ.0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'hunter2', 'rst1.%.x.y'])(
    'takes no %j for a token',
    (text) => {
      expect(parseToken(text)).toBeUndefined();
    },
  );
});

describe('a file of slots', () => {
  test('gives back what was written, and holds no secret', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slots-'));
    try {
      const { slot, token } = createTokenSlot(random, alice, hubKey, terms);
      const stretching = createStretching(random);
      const password = createPasswordSlot(
        random,
        hubKey,
        { ...terms, kind: 'password', expiresAt: 9 },
        {
          stretching,
          key: random.bytes(32),
        },
      );
      expect(await readSlots(folder)).toEqual([]);
      await writeSlots(folder, [slot, password]);
      expect(await readSlots(folder)).toEqual([slot, password]);
      const text = await readFile(join(folder, 'slots.json'), 'utf8');
      expect(text).not.toContain(token.split('.').at(-1));
      expect(text).not.toContain(fromUtf8(new TextEncoder().encode(btoa(String.fromCharCode(...hubKey)).slice(0, 20))));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('has one password, forgets what has expired, and the oldest session beyond the bound', () => {
    const slot = (kind: Slot['kind'], createdAt: number, expiresAt?: number): Slot =>
      createTokenSlot(random, alice, hubKey, { ...terms, kind, createdAt, expiresAt }).slot;
    let slots: readonly Slot[] = [];
    for (const added of [slot('password', 1), slot('app', 1, 5), slot('password', 2)])
      slots = withSlot(slots, added, 3);
    expect(slots.map(({ kind, createdAt }) => [kind, createdAt])).toEqual([
      ['app', 1],
      ['password', 2],
    ]);
    for (let at = 10; at < 10 + SESSION_SLOTS_MAX + 1; at++) slots = withSlot(slots, slot('session', at), at);
    const sessions = slots.filter(({ kind }) => kind === 'session');
    expect(sessions).toHaveLength(SESSION_SLOTS_MAX);
    expect(sessions[0]?.createdAt).toBe(11);
    expect(slots.some(({ kind }) => kind === 'app')).toBe(false);
  });
});
