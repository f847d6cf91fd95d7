import { expect, test } from 'vitest';
import { createPerson, writePdu } from '../../../test/harness/person.ts';
import { ManualClock, SILENT_LOG, utf8 } from '../../base/index.ts';
import { SodiumSuite, SystemRandom } from '../../base/system/index.ts';
import { BodyState, EntryKind, type Pdu, parseAddress, parseFeedId } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { Alarms } from '../alarms.ts';
import { entryKey, pendingBodyKey } from '../keys.ts';
import { decodeEntryRow, encodeEntryRow } from '../mail/entry-row.ts';
import { BodyFetcher } from './body-fetcher.ts';
import { storeBody } from './held-entry.ts';
import { Mailboxes } from './mailboxes.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const clock = new ManualClock(0);
const PLACE = { feed: parseFeedId('ab'.repeat(32)), number: 1 };
const BODY = utf8('ciphertext');
const NOTHING = new Uint8Array(0);

/** A mail whose body is to be fetched, and what a node answers, after what happens meanwhile. */
async function setup(meanwhile: (store: MemoryStore, pdu: Pdu) => Promise<unknown>) {
  const ann = createPerson(random, parseAddress('ann@home.example'));
  const pdu = writePdu(random, ann, [ann.address], BODY);
  const store = new MemoryStore();
  const alarms = await Alarms.open({ clock, store, onAlarm: () => undefined });
  const mailboxes = await Mailboxes.open(store, { own: ann.address });
  const row = { kind: EntryKind.MAIL, index: 0, receivedAt: 1, previousLink: new Uint8Array(32), pdu: pdu.header };
  await store.transact((transaction) => {
    const pending = { ...row, verdict: 'ok', bodyState: 'pending', body: NOTHING } as const;
    transaction.put(entryKey(PLACE.feed, PLACE.number), encodeEntryRow(pending));
    transaction.put(pendingBodyKey(PLACE.feed, PLACE.number), NOTHING);
  });
  const request = async () => {
    await meanwhile(store, pdu);
    return { oneofKind: 'body' as const, body: { request: 1, state: BodyState.ERASED, body: NOTHING } };
  };
  const fetcher = new BodyFetcher({
    ...{ clock, suite, store, alarms, mailboxes },
    log: SILENT_LOG,
    onStored: () => undefined,
  });
  await fetcher.run({ connection: { request }, node: 'a' }, new AbortController().signal);
  const kept = decodeEntryRow((await store.get(entryKey(PLACE.feed, PLACE.number))) as Uint8Array);
  const expired = mailboxes.of(PLACE.feed).ledger.fields.expired.count;
  return { expired, kept, pendingCount: await fetcher.pendingCount() };
}

test('a body that the home has erased is asked for no more, and its number is told as expired', async () => {
  const { expired, kept, pendingCount } = await setup(async () => undefined);
  expect({ expired, pendingCount, state: kept.bodyState }).toEqual({ expired: 1, pendingCount: 0, state: 'erased' });
});

test('a body that came from another node while this one said that it is erased is kept', async () => {
  const { expired, kept, pendingCount } = await setup((store, pdu) =>
    store.transact((transaction) => storeBody(transaction, PLACE, pdu, BODY)),
  );
  expect({ expired, pendingCount, state: kept.bodyState }).toEqual({ expired: 0, pendingCount: 0, state: 'here' });
  expect(kept.body).toEqual(BODY);
});
