import { expect, test } from 'vitest';
import { NobleSuite, SeededSecureRandom } from '../../base/index.ts';
import { type DeviceId, parseFeedId, parsePduId } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { noteKey, registersKey } from '../keys.ts';
import { MailIndex, type RegistersRecord } from '../mail/mail-index.ts';
import { Sealer } from '../mail/sealer.ts';
import { decodeNoteBody } from './note-body.ts';
import { Notes } from './notes.ts';

const DEVICE = 'a'.repeat(32) as DeviceId;
const FEED = parseFeedId('f'.repeat(64));
const NOTHING = new Uint8Array(0);
/** And one register more: the first that 256 notes do not hold. */
const SUBJECTS = 256;
const KEYS_OF_EACH = 1_000;

test('a snapshot of very many registers is not a reason for the next one', async () => {
  const random = new SeededSecureRandom(1);
  const store = new MemoryStore();
  const sealer = new Sealer({ random, suite: new NobleSuite() }, random.bytes(32));
  const index = new MailIndex({ sealer, onSaid: () => undefined }, { isFollowed: false });
  const sent: Uint8Array[] = [];
  const send = async (body: Uint8Array) => {
    sent.push(body);
    return parsePduId('0'.repeat(64));
  };
  const notes = new Notes({ store, index, sealer, send }, { device: DEVICE });
  await store.transact((transaction) => {
    for (let n = 0; n <= SUBJECTS; n++) {
      const subject = `folder:${n}`;
      const key = registersKey(sealer.pseudonym('registers', subject));
      const keys = Array.from({ length: n === SUBJECTS ? 1 : KEYS_OF_EACH }, (_, i) => `key ${i}`);
      const registers = Object.fromEntries(keys.map((name) => [name, { value: true, counter: 1, device: DEVICE }]));
      transaction.put(key, sealer.seal(key, { subject, registers } satisfies RegistersRecord));
    }
    for (let number = 1; number <= 2_000; number++) transaction.put(noteKey(FEED, number), NOTHING);
  });
  expect(await notes.isSnapshotDue()).toBe(true);

  await notes.snapshot(async () => true);
  expect(sent).toHaveLength(257);
  const last = decodeNoteBody(sent.at(-1) ?? NOTHING);
  if (last.status !== 'read') throw new Error('the last part does not read');
  expect(last.note.supersedes).toEqual([{ feed: FEED, from: 1, to: 2_000 }]);
  // As the indexer does when the parts come back.
  await store.transact((transaction) => {
    transaction.deleteRange(noteKey(FEED, 1), noteKey(FEED, 2_001));
    for (const [part] of sent.entries()) transaction.put(noteKey(FEED, 2_001 + part), NOTHING);
  });
  expect(await notes.isSnapshotDue()).toBe(false);
}, 60_000);
