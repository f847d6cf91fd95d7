import { describe, expect, test } from 'vitest';
import { type KeyPair, NobleSuite } from '../../base/index.ts';
import {
  type HomeDocument,
  homeContentJson,
  parseFeedId,
  parseHomeDocument,
  parseHomeName,
  signDocument,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { extendChain } from './chain-extension.ts';

const suite = new NobleSuite();
const HOME = parseHomeName('home.example');
const keys = (seed: number): KeyPair => suite.keyPair(new Uint8Array(32).fill(seed));

/** A chain of that many versions; those from `forkAt` on are another history, signed by `signer`. */
function chainOf(length: number, forkAt = Number.POSITIVE_INFINITY, signer = keys(1)): readonly HomeDocument[] {
  const chain: HomeDocument[] = [];
  for (let version = 1; version <= length; version++) {
    const isForked = version >= forkAt;
    const content = {
      home: HOME,
      version,
      previous: chain.at(-1)?.signed.hash ?? null,
      time: isForked ? 1_000 + version : version,
      key: (isForked ? signer : keys(1)).publicKey,
      keyLog: keys(8).publicKey,
      nodes: [{ name: 'a1', key: keys(9).publicKey, urls: [], feed: parseFeedId('ab'.repeat(32)), retired: [] }],
      registrar: 'a1',
    };
    const bytes = signDocument(suite, homeContentJson(content), [isForked ? signer : keys(1)]);
    chain.push(parseHomeDocument(suite, bytes));
  }
  return chain;
}

const versions = (documents: readonly HomeDocument[]): readonly number[] => documents.map(({ version }) => version);

function refusal(pinned: readonly HomeDocument[], offered: readonly HomeDocument[], home = HOME): string {
  try {
    extendChain(home, pinned, offered);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(FederationError);
    return (error as FederationError).code;
  }
}

describe('a published chain', () => {
  const five = chainOf(5);

  test.each([
    [0, 0, [1, 2, 3, 4, 5]],
    [2, 0, [3, 4, 5]],
    [2, 1, [3, 4, 5]],
    [2, 2, [3, 4, 5]],
    [5, 0, []],
    [5, 4, []],
  ])('adds to %i pinned versions, offered after %i, %j', (pinned, after, added) => {
    expect(versions(extendChain(HOME, five.slice(0, pinned), five.slice(after)))).toEqual(added);
  });

  test('is forked when a pinned version is another one, even if it is signed as well as the first', () => {
    expect(refusal(five, chainOf(5, 5))).toBe('home_forked');
    expect(refusal(five, chainOf(6, 3))).toBe('home_forked');
    expect(refusal(five, chainOf(9, 1))).toBe('home_forked');
    expect(refusal(five, chainOf(6, 5).slice(4))).toBe('home_forked');
  });

  test('is forked when what follows does not follow what is pinned', () => {
    expect(refusal(five, chainOf(6, 5).slice(5))).toBe('home_forked');
    // Signed by a key that the version before does not name.
    expect(refusal(five, chainOf(6, 6, keys(2)))).toBe('home_forked');
  });

  test('is rolled back when it is shorter than what is pinned', () => {
    expect(refusal(five, chainOf(4))).toBe('home_rolled_back');
    expect(refusal(five, [])).toBe('home_rolled_back');
    expect(refusal(five, five.slice(1, 3))).toBe('home_rolled_back');
  });

  test('is no chain when it does not link, leaves versions out or is of another home', () => {
    expect(refusal([], five.slice(1))).toBe('bad_answer');
    expect(refusal([], [...five.slice(0, 1), ...five.slice(2)])).toBe('bad_answer');
    expect(refusal([], chainOf(3, 2, keys(2)))).toBe('bad_answer');
    expect(refusal([], five, parseHomeName('other.example'))).toBe('bad_answer');
    expect(refusal(five.slice(0, 2), five.slice(3))).toBe('bad_answer');
  });
});
