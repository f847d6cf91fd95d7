import { describe, expect, test } from 'vitest';
import { fromUtf8, ManualClock, utf8 } from '../../src/base/index.ts';
import {
  FEDERATION_BODY_BYTES_MAX,
  parseAddress,
  parseConversationId,
  parseFeedId,
  parsePduId,
} from '../../src/protocol/index.ts';
import { never, TransportHome } from '../harness/transport-home.ts';

const FEED = parseFeedId('cd'.repeat(32));
const ID = parsePduId('01'.repeat(32));
const OTHER_ID = parsePduId('02'.repeat(32));
const CONVERSATION = parseConversationId('0f'.repeat(16));

async function openHomes() {
  const clock = new ManualClock(Date.UTC(2026, 0, 15));
  const a = await TransportHome.open({ clock, seed: 1 });
  const b = await TransportHome.open({ clock, seed: 2 });
  return {
    a,
    b,
    clock,
    async [Symbol.asyncDispose]() {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

describe('a home asks another', () => {
  test('every question arrives as it was asked, and its answer comes back', async () => {
    await using homes = await openHomes();
    const { a, b } = homes;
    const link = a.link();
    const body = new Uint8Array(FEDERATION_BODY_BYTES_MAX).fill(7);
    expect(await link.send(b.home, `${FEED}.1.50.0`, body, never)).toEqual(body.slice(0, 16));
    expect(fromUtf8((await link.pull(b.home, FEED, 0, never)) ?? utf8('nothing'))).toBe('pulled');
    expect(await link.pull(b.home, FEED, 7, never)).toBeUndefined();
    await link.pdus(b.home, [ID, OTHER_ID], never);
    await link.state(b.home, CONVERSATION, undefined, never);
    await link.state(b.home, CONVERSATION, 'page-2', never);
    await link.backfill(b.home, CONVERSATION, [ID], 25, never);
    const address = parseAddress(`a.%?#/&+b@${b.home}`);
    expect(fromUtf8(await link.account(address, 3, never))).toBe(`account ${address} 3`);
    expect(fromUtf8(await link.keyLog(b.home, 7, never))).toBe('keylog 7');
    expect(b.service.asked).toEqual([
      `send ${a.home} ${FEED}.1.50.0 ${body.length}`,
      `pull ${a.home} ${FEED} 0`,
      `pull ${a.home} ${FEED} 7`,
      `pdus ${a.home} ${ID} ${OTHER_ID}`,
      `state ${a.home} ${CONVERSATION} -`,
      `state ${a.home} ${CONVERSATION} page-2`,
      `backfill ${a.home} ${CONVERSATION} ${ID} 25`,
      `account ${address} 3`,
      'keylog 7',
    ]);
    expect(b.service.contacts).toEqual(Array.from({ length: 9 }, () => a.home));
    // One lookup at each end served them all.
    expect([a.lookups, b.lookups]).toEqual([1, 1]);
  });
});
