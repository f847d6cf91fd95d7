/** An event's id (RFC 8620, section 7.3) covers what its data tells: a client that comes back with it misses nothing. */
import { describe, expect, test } from 'vitest';
import { ACCOUNT, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { type ChangedStates, decodeStates } from './state-feed.ts';

interface Told {
  readonly id: string;
  readonly changed: ChangedStates;
}

function open(test: TestAccount, pingSeconds: number) {
  const controller = new AbortController();
  const stream = test.jmap.eventSource(
    { types: null, closeAfterState: true, pingSeconds },
    undefined,
    controller.signal,
  );
  const next = async (): Promise<string> => (await stream.next()).value ?? '';
  return { next, [Symbol.dispose]: () => controller.abort() };
}

function toldIn(text: string): Told {
  const [, id = '', data = ''] = /^event: state\nid: (.*)\ndata: (.*)\n\n$/.exec(text) ?? [];
  return { id, changed: JSON.parse(data).changed };
}

describe('the id of an event', () => {
  test.each([0, 30])('says no more than its data, whenever another change comes (ping %d)', async (pingSeconds) => {
    for (let turns = 0; turns < 12; turns++) {
      const test = await TestAccount.open();
      using stream = open(test, pingSeconds);
      await stream.next();
      const event = stream.next();
      test.deliver('Subject: first\n\n');
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      test.deliver('Subject: second\n\n');
      const { changed, id } = toldIn(await event);
      expect(decodeStates(id)[ACCOUNT]).toMatchObject(changed[ACCOUNT] ?? {});
    }
  });
});
