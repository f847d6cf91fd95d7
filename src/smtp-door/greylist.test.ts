import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/index.ts';
import { Greylist } from './greylist.ts';
import { GREYLIST_FIRST_MS, GREYLIST_KEPT_MS, GREYLIST_RETRY_MS, GREYLISTED_MAX } from './limits.ts';

function setup() {
  const clock = new ManualClock(0);
  const greylist = new Greylist(clock);
  const lets = (remote: string | undefined, sender = 'carol@elsewhere.example', recipient = 'alice@home.example') =>
    greylist.lets(remote, sender, recipient);
  return { clock, lets };
}

describe('a network that was never here', () => {
  test('is to come again with the same mail, and is known from then on', async () => {
    const { clock, lets } = setup();
    expect(lets('192.0.2.1')).toBe(false);
    await clock.advance(GREYLIST_FIRST_MS - 1);
    expect(lets('192.0.2.1')).toBe(false);
    expect(lets('192.0.2.1', 'Other@elsewhere.example')).toBe(false);
    await clock.advance(1);
    expect(lets('192.0.2.77', 'CAROL@elsewhere.example')).toBe(true); // a neighbour of it brings it
    expect(lets('192.0.2.1', 'dave@elsewhere.example', 'bob@home.example')).toBe(true);
    expect(lets('192.0.3.1')).toBe(false);
  });

  test('begins anew when it comes too late, and is forgotten when it stays away', async () => {
    const { clock, lets } = setup();
    expect(lets('2001:db8::/64')).toBe(false);
    await clock.advance(GREYLIST_RETRY_MS + 1);
    expect(lets('2001:db8::/64')).toBe(false);
    await clock.advance(GREYLIST_FIRST_MS);
    expect(lets('2001:db8::/64')).toBe(true);
    await clock.advance(GREYLIST_KEPT_MS - 1);
    expect(lets('2001:db8::/64')).toBe(true);
    await clock.advance(GREYLIST_KEPT_MS);
    expect(lets('2001:db8::/64')).toBe(false);
  });

  test('is pushed out by a flood of others, which takes no more memory than it may', async () => {
    const { clock, lets } = setup();
    const other = (i: number): string => `10.${i >> 8}.${i & 255}.1`;
    for (let i = 0; i <= GREYLISTED_MAX; i++) expect(lets(other(i))).toBe(false);
    await clock.advance(GREYLIST_FIRST_MS);
    expect(lets(other(0))).toBe(false);
    expect(lets(other(GREYLISTED_MAX))).toBe(true);
  });

  test('is this machine, and is not asked', () => {
    expect(setup().lets(undefined)).toBe(true);
  });
});
