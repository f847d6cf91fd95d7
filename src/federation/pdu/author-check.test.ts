import { describe, expect, test } from 'vitest';
import { createPerson, type Person, writePdu } from '../../../test/harness/person.ts';
import { InlineSignatureChecker, ManualClock, utf8 } from '../../base/index.ts';
import { SodiumSuite, SystemRandom } from '../../base/system/index.ts';
import {
  type AccountDocument,
  type Address,
  parseAccountDocument,
  parseAddress,
  parseHomeName,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { AuthorCheck } from './author-check.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const never = new AbortController().signal;
const HOME = parseHomeName('home.example');
const ANN = createPerson(random, parseAddress('ann@home.example'));
const BOB = createPerson(random, parseAddress('bob@other.example'));
const EVE = createPerson(random, parseAddress('eve@other.example'));

/** A home that shows what `shown` says, and what `refreshed` says when it is asked again. */
function setup(shown: () => AccountDocument | undefined, refreshed = shown) {
  const asked: string[] = [];
  const people = {
    find: async (address: Address) => {
      asked.push(`find ${address}`);
      return shown();
    },
    refresh: async (address: Address) => {
      asked.push(`refresh ${address}`);
      return refreshed();
    },
  };
  const local = {
    deviceKeys: async (of: Address) => (of === ANN.address ? [ANN.device.publicKey] : undefined),
    catchUp: async () => undefined,
  };
  const signatures = new InlineSignatureChecker(suite);
  const check = new AuthorCheck({ clock: new ManualClock(0), suite, signatures, people, local }, { home: HOME });
  const by = (person: Person) => writePdu(random, person, [ANN.address], utf8('ciphertext'));
  return { asked, by, check: (...authors: Person[]) => check.check(authors.map(by), never) };
}

const documentOf = (person: Person): AccountDocument => parseAccountDocument(suite, person.document);

describe('a PDU', () => {
  test('by a device that its author’s chain names is right, and each author is asked for once', async () => {
    const { asked, check } = setup(() => documentOf(BOB));
    expect(await check(BOB, BOB, ANN)).toEqual([{ status: 'right' }, { status: 'right' }, { status: 'right' }]);
    expect(asked).toEqual([`find ${BOB.address}`]);
  });

  test('by a device that was added since is right when the home is asked again', async () => {
    const { asked, check } = setup(
      () => documentOf(EVE),
      () => documentOf(BOB),
    );
    expect(await check(BOB)).toEqual([{ status: 'right' }]);
    expect(asked).toEqual([`find ${BOB.address}`, `refresh ${BOB.address}`]);
  });

  test('is wrong by a device that nobody named, or by nobody', async () => {
    expect(await setup(() => documentOf(EVE)).check(BOB)).toMatchObject([{ status: 'wrong', code: 'unknown_device' }]);
    expect(await setup(() => undefined).check(BOB)).toMatchObject([{ status: 'wrong', code: 'unknown_author' }]);
    const stranger = createPerson(random, parseAddress('nobody@home.example'));
    expect(await setup(() => undefined).check(stranger)).toMatchObject([{ status: 'wrong', code: 'unknown_author' }]);
  });

  test('is wrong by another key than that of the device it names', async () => {
    const forged = { ...BOB, device: { ...BOB.device, secretKey: EVE.device.secretKey } };
    const { check } = setup(() => documentOf(BOB));
    expect(await check(forged, BOB)).toMatchObject([{ status: 'wrong', code: 'bad_signature' }, { status: 'right' }]);
  });

  test('is judged later while the keys cannot be had, and spoils no other', async () => {
    const away = (): never => {
      throw new FederationError('unreachable', 'away', { retry: 'later' });
    };
    const { check } = setup(away);
    expect(await check(BOB, ANN)).toMatchObject([{ status: 'later' }, { status: 'right' }]);
  });
});
