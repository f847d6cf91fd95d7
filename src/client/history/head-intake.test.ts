import { expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { headBytes, type MailboxHead, parseAddress, parseFeedId } from '../../protocol/index.ts';
import { MemoryStore, StoreError } from '../../store/index.ts';
import { Alarms } from '../alarms.ts';
import { HeadIntake } from './head-intake.ts';
import { Mailboxes } from './mailboxes.ts';

const suite = new SodiumSuite();
const clock = new ManualClock(0);
const NODE = suite.keyPair(new Uint8Array(32).fill(1));
const OWN = parseAddress('ann@home.example');
const FEED = parseFeedId('ab'.repeat(32));

/** As a database that does not answer: no transaction begins. */
class SilentStore extends MemoryStore {
  isSilent = false;

  override transact<Result>(...work: Parameters<MemoryStore['transact']>): Promise<Result> {
    if (this.isSilent) return Promise.reject(new StoreError('failed', 'no transaction begins', { retry: 'later' }));
    return super.transact(...work) as Promise<Result>;
  }
}

function head(number: number): MailboxHead {
  const claim = { number, link: new Uint8Array(32).fill(number), expiredTo: 0, retired: false };
  const signed = headBytes(OWN, { ...claim, feed: FEED });
  return { ...claim, feed: new Uint8Array(32).fill(0xab), signature: suite.sign(signed, NODE.secretKey) };
}

test('a head that could not be written is not taken for one that was', async () => {
  const store = new SilentStore();
  const alarms = await Alarms.open({ clock, store, onAlarm: () => undefined });
  const mailboxes = await Mailboxes.open(store, { own: OWN });
  const intake = new HeadIntake({ clock, suite, store, alarms, mailboxes });
  const take = () => intake.take({ connection: { info: { node: NODE.publicKey } } as never, node: 'a' }, [head(3)]);

  store.isSilent = true;
  await expect(take()).rejects.toMatchObject({ code: 'failed' });
  store.isSilent = false;
  // As every pass over a connection does when it begins.
  if (mailboxes.isBroken) await mailboxes.reload();
  await take();
  const reopened = await Mailboxes.open(store, { own: OWN });
  expect(reopened.of(FEED).ledger.head).toBe(3);
});
