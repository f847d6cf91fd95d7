import { describe, expect, test } from 'vitest';
import { parseAddress, parseDeviceId } from '../../protocol/index.ts';
import type { Registers } from '../notes/registers.ts';
import { blockedSince, isBlocked } from './mail-index.ts';

const DOOR = parseAddress('smtp-door-0123456789abcdef@home.example');
const BOB = parseAddress('bob@home.example');

function blocked(who: string): Registers {
  return { [who]: { counter: 1, device: parseDeviceId('0'.repeat(32)), value: blockedSince(1_000) } };
}

describe('who is blocked', () => {
  test('is the author, or their home, from then on', () => {
    const mail = { author: BOB, from: 'Carol <carol@elsewhere.example>', receivedAt: 1_000_000 };
    expect(isBlocked(blocked('bob@home.example'), mail)).toBe(true);
    expect(isBlocked(blocked('home.example'), mail)).toBe(true);
    expect(isBlocked(blocked('bob@home.example'), { ...mail, receivedAt: 999_999 })).toBe(false);
    expect(isBlocked(blocked('carol@elsewhere.example'), mail)).toBe(false);
  });

  test('is whom mail from outside names, and never the door', () => {
    const mail = { author: DOOR, from: 'Carol <Carol@Elsewhere.example>', receivedAt: 1_000_000 };
    expect(isBlocked(blocked('carol@elsewhere.example'), mail)).toBe(true);
    expect(isBlocked(blocked('elsewhere.example'), mail)).toBe(true);
    expect(isBlocked(blocked('home.example'), mail)).toBe(false);
    expect(isBlocked(blocked('elsewhere.example'), { ...mail, from: 'carol@elsewhere.example' })).toBe(true);
    expect(isBlocked(blocked('elsewhere.example'), { ...mail, from: '' })).toBe(false);
    expect(isBlocked(blocked('elsewhere.example'), { ...mail, from: 'no address' })).toBe(false);
  });
});
