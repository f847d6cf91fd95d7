/** What every SignatureChecker keeps. */
import { describe, expect, test } from 'vitest';
import { NobleSuite } from './noble-suite.ts';
import { SeededSecureRandom } from './random.ts';
import type { SignatureChecker, SignedBytes } from './signature-checker.ts';

export function signatureCheckerContract(name: string, open: () => SignatureChecker): void {
  const suite = new NobleSuite();
  const random = new SeededSecureRandom(1);
  const pairs = [suite.keyPair(random.bytes(32)), suite.keyPair(random.bytes(32))] as const;

  function signed(size: number, pair: 0 | 1 = 0): SignedBytes {
    const message = random.bytes(size);
    return { message, signature: suite.sign(message, pairs[pair].secretKey), publicKey: pairs[pair].publicKey };
  }

  const isRight = ({ signature, message, publicKey }: SignedBytes): boolean =>
    suite.verify(signature, message, publicKey);

  describe(`signature checker (${name})`, () => {
    test('says of each signature in turn what the suite says', async () => {
      await using checker = open();
      const good = [0, 1, 63, 64, 600, 65_536].map((size) => signed(size));
      const first = good[4] as SignedBytes;
      const bad: SignedBytes[] = [
        { ...first, publicKey: pairs[1].publicKey },
        { ...first, message: first.message.slice(1) },
        { ...first, signature: first.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
        { ...first, signature: first.signature.slice(1) },
        { ...first, signature: new Uint8Array(0) },
        { ...first, publicKey: new Uint8Array(31) },
        { ...first, publicKey: new Uint8Array(32) },
      ];
      const all = [...good, ...bad, ...good.toReversed()];
      expect(await checker.check(all)).toEqual(all.map(isRight));
      expect(await checker.check(bad)).toEqual(bad.map(() => false));
      expect(await checker.check([])).toEqual([]);
    });

    test('answers calls in their order, however large each is', async () => {
      await using checker = open();
      const order: number[] = [];
      const calls = Array.from({ length: 60 }, async (_, call) => {
        const batch = Array.from({ length: 1 + ((call * 7) % 11) }, (_, i) => signed(i * 40, (call % 2) as 0 | 1));
        expect(await checker.check(batch)).toEqual(batch.map(() => true));
        order.push(call);
      });
      await Promise.all(calls);
      expect(order).toEqual(Array.from({ length: 60 }, (_, call) => call));
    });

    test('has read the bytes when the call returns', async () => {
      await using checker = open();
      const batch = Array.from({ length: 20 }, () => signed(200));
      const answer = checker.check(batch);
      for (const { message, signature } of batch) {
        message.fill(0);
        signature.fill(0);
      }
      expect(await answer).toEqual(batch.map(() => true));
    });

    test('answers what it was asked before it was closed', async () => {
      const checker = open();
      const answers = Array.from({ length: 20 }, () => checker.check([signed(100)]));
      await checker[Symbol.asyncDispose]();
      await checker[Symbol.asyncDispose]();
      expect(await Promise.all(answers)).toEqual(answers.map(() => [true]));
    });
  });
}
