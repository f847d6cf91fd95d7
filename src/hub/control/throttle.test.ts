import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { REMOTE_FAILURES_BURST, USER_FAILURE_INTERVAL_MS, USER_FAILURES_BURST } from './limits.ts';
import { Throttle } from './throttle.ts';

const refusal = expect.objectContaining({ code: 'throttled' });

function setup() {
  const clock = new ManualClock(0);
  const throttle = new Throttle(clock);
  let host = 0;
  /** From another network each time. */
  const fail = (user: string, remote = `10.0.${host++}.1`) => throttle.begin(user, remote);
  return { clock, throttle, fail };
}

describe('a throttle', () => {
  test('lets a person fail a few times from anywhere, then once an interval', async () => {
    const { clock, fail } = setup();
    for (let n = 0; n < USER_FAILURES_BURST; n++) fail('alice');
    expect(() => fail('alice')).toThrow(refusal);
    fail('bob');
    await clock.advance(USER_FAILURE_INTERVAL_MS + 1);
    fail('alice');
    expect(() => fail('alice')).toThrow(refusal);
  });

  test('lets a host fail with anybody’s name, so often', () => {
    const { fail } = setup();
    for (let n = 0; n < REMOTE_FAILURES_BURST; n++) fail(`user ${n}`, '192.0.2.1');
    expect(() => fail('somebody', '192.0.2.1')).toThrow(refusal);
    fail('somebody', '192.0.2.2');
  });

  test('counts the addresses of one IPv6 network together', () => {
    const { fail } = setup();
    for (let n = 0; n < REMOTE_FAILURES_BURST; n++) fail(`user ${n}`, `2001:db8:1:2::${n.toString(16)}`);
    expect(() => fail('somebody', '2001:db8:1:2:ffff::1')).toThrow(refusal);
    fail('somebody', '2001:db8:1:3::1');
  });

  test('costs nothing who succeeds, and counts those who try at once before they have failed', () => {
    const { fail, throttle } = setup();
    for (let n = 0; n < 100; n++) throttle.begin('alice', '192.0.2.1').succeeded();
    const tries = Array.from({ length: USER_FAILURES_BURST }, () => fail('alice'));
    expect(() => fail('alice')).toThrow(refusal);
    tries[0]?.succeeded();
    fail('alice');
  });
});
