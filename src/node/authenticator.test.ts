import { describe, expect, test } from 'vitest';
import { createPerson } from '../../test/harness/person.ts';
import { ManualClock, utf8 } from '../base/index.ts';
import { SodiumSuite, SystemRandom } from '../base/system/index.ts';
import {
  type AccountDocument,
  encodeEnrolmentParameters,
  parseAccountDocument,
  parseAddress,
  parseFeedId,
  parseVaultRecord,
} from '../protocol/index.ts';
import { MemoryStore, StoreError } from '../store/index.ts';
import { Authenticator } from './authenticator.ts';
import { vaultKey } from './view-keys.ts';
import { encodeLocations } from './view-rows.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const FEED = parseFeedId('ab'.repeat(32));
const ann = createPerson(random, parseAddress('ann@home.example'));
const KNOWN = parseAccountDocument(suite, ann.document);
const PARAMETERS = encodeEnrolmentParameters(parseVaultRecord(ann.vault).parameters);
const MESSAGE = utf8('restante auth 1');

/** What a node has of ann: her chain, and the block of her vault record, which the disk may have damaged. */
interface Here {
  account: AccountDocument | undefined;
  vault: Uint8Array | 'damaged' | undefined;
}

/** A node of a fleet; `asked` is what becomes of a question to the registrar. */
async function setup(here: Here, asked: (here: Here) => 'current' | 'uncertain') {
  const store = new MemoryStore();
  await store.transact((transaction) =>
    transaction.put(vaultKey(ann.address), encodeLocations([{ feed: FEED, index: 0 }])),
  );
  const accounts = { find: async () => here.account, settingsOf: () => ({}) };
  const getBlock = async (): Promise<Uint8Array | undefined> => {
    if (here.vault === 'damaged') throw new StoreError('corrupt', 'a damaged block');
    return here.vault;
  };
  const authenticator = new Authenticator({
    ...{ suite, store, accounts, clock: new ManualClock(0), saltSecret: random.bytes(32) },
    catchUp: { of: async (addresses) => new Set(asked(here) === 'current' ? addresses : []) },
    feeds: new Map([[FEED, { getBlock }]]),
  });
  const prove = async (key = ann.enrolment): Promise<string> => {
    const signature = suite.sign(MESSAGE, key.secretKey);
    const auth = { address: ann.address, key: key.publicKey, nonce: new Uint8Array(32), signature };
    const outcome = await authenticator.check(auth, () => MESSAGE);
    return outcome.status === 'ok' ? 'ok' : outcome.code;
  };
  return { prove, parameters: () => authenticator.enrolmentParameters(ann.address) };
}

/** Somebody who has set another password since. */
const another = suite.keyPair(random.bytes(32));

describe('a person who gives the right password', () => {
  test('is not told that it is wrong because the node has not heard of the account, or of its last version, until now', async () => {
    for (const account of [undefined, KNOWN]) {
      const { prove } = await setup({ account, vault: ann.vault }, (here) => {
        here.account = { ...KNOWN, version: 2 };
        return 'current';
      });
      // They have asked before, and stretched it by what was here then.
      expect(await prove(another)).toBe('unavailable');
      expect(await prove(another)).toBe('auth_failed');
      expect(await prove()).toBe('ok');
    }
  });

  test('is told how to stretch it when the node has heard of it, and nothing made up before', async () => {
    const here: Here = { account: undefined, vault: ann.vault };
    const { parameters } = await setup(here, ({ account }) => (account === undefined ? 'uncertain' : 'current'));
    expect(await parameters()).toBe('uncertain');
    here.account = KNOWN;
    expect(await parameters()).toEqual(PARAMETERS);
  });

  test('is told how to stretch it as the account is by now', async () => {
    const { parameters } = await setup({ account: KNOWN, vault: undefined }, (here) => {
      here.vault = ann.vault;
      return 'current';
    });
    expect(await parameters()).toEqual(PARAMETERS);
  });

  test('is told while the registrar is away, too, where the account is here', async () => {
    const { parameters, prove } = await setup({ account: KNOWN, vault: ann.vault }, () => 'uncertain');
    expect(await parameters()).toEqual(PARAMETERS);
    expect(await prove()).toBe('ok');
    expect(await prove(another)).toBe('unavailable');
  });

  test.each([
    ['has not come yet', undefined],
    ['cannot be read', 'damaged' as const],
  ])('waits for a vault record that %s, and is not told that it is wrong', async (_, vault) => {
    const here: Here = { account: KNOWN, vault };
    const { parameters, prove } = await setup(here, () => 'current');
    expect([await parameters(), await prove()]).toEqual(['uncertain', 'unavailable']);
    here.vault = ann.vault;
    expect([await parameters(), await prove()]).toEqual([PARAMETERS, 'ok']);
    expect(await prove(another)).toBe('auth_failed');
  });
});

test('whom nobody knows gets parameters that are plausible, and the same each time', async () => {
  const { parameters } = await setup({ account: undefined, vault: undefined }, () => 'current');
  const made = await parameters();
  expect(made).toHaveLength(PARAMETERS.length);
  expect(await parameters()).toEqual(made);
});
