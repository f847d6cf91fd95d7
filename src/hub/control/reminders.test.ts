import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../protocol/index.ts';
import { REMINDERS_PER_USER_MAX, WAKE_AGAIN_MS } from './limits.ts';
import { Reminders } from './reminders.ts';

const alice = parseAddress('alice@home.example');
const bob = parseAddress('bob@home.example');

describe('reminders', () => {
  test('come once, at their time and not before', () => {
    const reminders = new Reminders();
    reminders.set(alice, { id: 'send', at: 100, onMail: false });
    reminders.set(bob, { id: 'send', at: 200, onMail: false });
    expect(reminders.takeDue(99)).toEqual([]);
    expect(reminders.takeDue(100)).toEqual([alice]);
    expect(reminders.takeDue(1_000)).toEqual([bob]);
    expect(reminders.takeDue(1_000)).toEqual([]);
    expect([reminders.has(alice), reminders.has(bob)]).toEqual([false, false]);
  });

  test('are replaced and taken away by their name', () => {
    const reminders = new Reminders();
    reminders.set(alice, { id: 'send', at: 100, onMail: false });
    reminders.set(alice, { id: 'send', at: 300, onMail: false });
    expect(reminders.takeDue(200)).toEqual([]);
    reminders.set(alice, { id: 'send', at: null, onMail: false });
    expect(reminders.takeDue(400)).toEqual([]);
  });

  test('come again where nobody could be woken, and are another host’s where the user is there', () => {
    const reminders = new Reminders();
    for (const user of [alice, bob]) reminders.set(user, { id: 'send', at: 100, onMail: false });
    expect(reminders.takeDue(100)).toEqual([alice, bob]);
    reminders.notWoken(alice, 'unavailable', 100);
    reminders.notWoken(bob, 'moved', 100);
    expect([reminders.has(alice), reminders.has(bob)]).toEqual([true, false]);
    expect(reminders.takeDue(101)).toEqual([]);
    expect(reminders.takeDue(100 + WAKE_AGAIN_MS)).toEqual([alice]);
    expect(reminders.has(alice)).toBe(false);
  });

  test('of mail stay when a time has passed', () => {
    const reminders = new Reminders();
    reminders.set(alice, { id: 'push', at: 100, onMail: true });
    expect(reminders.takeDue(100)).toEqual([alice]);
    expect([reminders.wakesOnMail(alice), reminders.wakesOnMail(bob)]).toEqual([true, false]);
  });

  test('are bounded for each user', () => {
    const reminders = new Reminders();
    for (let n = 0; n < REMINDERS_PER_USER_MAX; n++) reminders.set(alice, { id: `${n}`, at: n, onMail: false });
    expect(() => reminders.set(alice, { id: 'more', at: 1, onMail: false })).toThrow(/too many/);
    reminders.set(bob, { id: 'more', at: 1, onMail: false });
  });
});
