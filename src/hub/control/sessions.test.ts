import { describe, expect, test } from 'vitest';
import { ManualClock, SeededSecureRandom } from '../../base/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { createSessionId } from '../component/ids.ts';
import { SESSION_LINGER_MS, SESSIONS_PER_USER_MAX } from './limits.ts';
import { type Session, Sessions } from './sessions.ts';

const random = new SeededSecureRandom(9);
const alice = parseAddress('alice@home.example');
const bob = parseAddress('bob@home.example');

function setup() {
  const clock = new ManualClock(0);
  const ended: Session[] = [];
  const sessions = new Sessions(clock, (session) => ended.push(session));
  const session = (user = alice, ...slotIds: string[]): Session => ({
    id: createSessionId(random),
    user,
    slotIds,
    scopes: ['read'],
    via: 'http',
  });
  return { clock, sessions, session, ended };
}

describe('sessions', () => {
  test('stay open a little after their last connection, and end then', async () => {
    const { clock, ended, session, sessions } = setup();
    const mine = session();
    const [first, second] = [1, 2].map(() => sessions.attach(mine, () => undefined));
    first?.[Symbol.dispose]();
    await clock.advance(SESSION_LINGER_MS * 2);
    sessions.sweep();
    expect(sessions.count).toBe(1);
    second?.[Symbol.dispose]();
    await clock.advance(SESSION_LINGER_MS - 1);
    sessions.sweep();
    const back = sessions.attach(mine, () => undefined);
    await clock.advance(SESSION_LINGER_MS);
    sessions.sweep();
    expect(ended).toEqual([]);
    back[Symbol.dispose]();
    back[Symbol.dispose]();
    await clock.advance(SESSION_LINGER_MS);
    sessions.sweep();
    expect(ended).toEqual([mine]);
    expect(sessions.count).toBe(0);
  });

  test('of a revoked slot are cut with all their connections, others are not', () => {
    const { ended, session, sessions } = setup();
    const cuts: string[] = [];
    const [phone, child, other] = [session(alice, 'phone'), session(alice, 'token', 'phone'), session(alice, 'laptop')];
    sessions.attach(phone, () => cuts.push('phone 1'));
    sessions.attach(phone, () => cuts.push('phone 2'));
    sessions.attach(child, () => cuts.push('child'));
    sessions.attach(other, () => cuts.push('other'));
    expect(sessions.end(({ slotIds }) => slotIds.includes('phone'))).toBe(2);
    expect(cuts).toEqual(['phone 1', 'phone 2', 'child']);
    expect(ended).toEqual([phone, child]);
    expect(sessions.status().map(({ id }) => id)).toEqual([other.id]);
  });

  test('are bounded for each person', () => {
    const { session, sessions } = setup();
    for (let n = 0; n < SESSIONS_PER_USER_MAX; n++) sessions.attach(session(), () => undefined);
    expect(() => sessions.attach(session(), () => undefined)).toThrow(expect.objectContaining({ code: 'busy' }));
    sessions.attach(session(bob), () => undefined);
    sessions.end(({ user }) => user === alice);
    sessions.attach(session(), () => undefined);
  });
});
