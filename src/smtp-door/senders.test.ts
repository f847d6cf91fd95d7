import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/index.ts';
import { CONNECTIONS_PER_REMOTE_MAX, MESSAGE_BURST, MESSAGE_INTERVAL_MS } from './limits.ts';
import { Senders } from './senders.ts';

function setup() {
  const clock = new ManualClock(Date.UTC(2026, 0));
  return { clock, senders: new Senders(clock) };
}

describe('those who are at the door', () => {
  test('have so many connections from one network, and room again when one ends', () => {
    const { senders } = setup();
    for (let i = 0; i < CONNECTIONS_PER_REMOTE_MAX; i++) expect(senders.connect('192.0.2.1', `s${i}`)).toBe(true);
    expect(senders.connect('192.0.2.1', 'one more')).toBe(false);
    expect(senders.connect('192.0.2.2', 'another')).toBe(true);
    senders.disconnect('192.0.2.1', 'one more'); // who was not let in gives nothing back
    expect(senders.connect('192.0.2.1', 'again')).toBe(false);
    senders.disconnect('192.0.2.1', 's0');
    expect(senders.connect('192.0.2.1', 'again')).toBe(true);
  });

  test('have a burst of messages, then one now and then', async () => {
    const { clock, senders } = setup();
    for (let i = 0; i < MESSAGE_BURST; i++) expect(senders.takesMessage('192.0.2.1')).toBe(true);
    expect(senders.takesMessage('192.0.2.1')).toBe(false);
    expect(senders.takesMessage('192.0.2.2')).toBe(true);
    await clock.advance(MESSAGE_INTERVAL_MS);
    expect(senders.takesMessage('192.0.2.1')).toBe(true);
    expect(senders.takesMessage('192.0.2.1')).toBe(false);
  });

  test('are not counted when they are this machine', () => {
    const { senders } = setup();
    for (let i = 0; i <= Math.max(MESSAGE_BURST, CONNECTIONS_PER_REMOTE_MAX); i++) {
      expect(senders.takesMessage(undefined)).toBe(true);
      expect(senders.connect(undefined, `s${i}`)).toBe(true);
    }
  });
});
