import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { WrittenPdu } from '../../test/harness/conversation-writer.ts';
import { randomConversation } from '../../test/harness/random-conversation.ts';
import { SeededPrng } from '../base/index.ts';
import { ConversationFold } from './conversation-fold.ts';

const SEED = fc.integer({ min: 0, max: 2 ** 31 - 1 });

interface Reading {
  readonly state: unknown;
  readonly tips: unknown;
  readonly missing: unknown;
  readonly waiting: unknown;
  readonly order: unknown;
  readonly counting: unknown;
}

function read(fold: ConversationFold, pdus: readonly WrittenPdu[]): Reading {
  const { state, tips, missing, waiting, order } = fold;
  const counting = pdus.map(({ pdu }) => pdu.id).filter((id) => fold.counts(id));
  return { state, tips, missing, waiting, order, counting: counting.sort() };
}

function foldAll(pdus: readonly WrittenPdu[]): ConversationFold {
  const fold = new ConversationFold((pdus[0] as WrittenPdu).pdu.conversation);
  fold.add(pdus);
  return fold;
}

function shuffled<Item>(items: readonly Item[], prng: SeededPrng): Item[] {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [mixed[i], mixed[j]] = [mixed[j] as Item, mixed[i] as Item];
  }
  return mixed;
}

describe('whatever the order of arrival', () => {
  test('the same set folds to the same, also while parts of it are missing', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(SEED, SEED, (seed, order) => {
        const prng = new SeededPrng(order);
        const all = randomConversation(seed, 10 + prng.below(40));
        const some = prng.next() < 0.5 ? all : all.filter(() => prng.next() < 0.95);
        if (some.length === 0) return;
        const mixed = shuffled(some, prng);
        expect(read(foldAll(mixed), some)).toEqual(read(foldAll(some), some));
      }),
      { numRuns: 1500 },
    );
  });

  test('folding as they come says after each what folding all from scratch says', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(SEED, SEED, (seed, order) => {
        const prng = new SeededPrng(order);
        const all = randomConversation(seed, 10 + prng.below(25));
        // In writing order most follow everything, which is the short way; mixed, hardly any does.
        const mixed = prng.next() < 0.5 ? all : shuffled(all, prng);
        const fold = new ConversationFold((all[0] as WrittenPdu).pdu.conversation);
        for (let at = 0; at < mixed.length; ) {
          const batch = mixed.slice(at, at + 1 + prng.below(3));
          at += batch.length;
          fold.add([...batch, ...batch.filter(() => prng.next() < 0.3)]);
          const so = mixed.slice(0, at);
          expect(read(fold, so)).toEqual(read(foldAll(so), so));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('what a PDU is allowed does not depend on what it does not follow', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(SEED, (seed) => {
        const all = randomConversation(seed, 30);
        const byId = new Map(all.map((written) => [written.pdu.id, written]));
        const whole = foldAll(all);
        for (const written of all) {
          const ancestors = new Set<WrittenPdu>();
          const open = [...written.pdu.prev];
          for (let id = open.pop(); id !== undefined; id = open.pop()) {
            const parent = byId.get(id) as WrittenPdu;
            if (ancestors.has(parent)) continue;
            ancestors.add(parent);
            open.push(...parent.pdu.prev);
          }
          const alone = new ConversationFold(written.pdu.conversation);
          alone.add([...ancestors]);
          expect(whole.allows(written)).toBe(alone.allows(written));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nobody but an owner, or the person, changes what somebody is (random acts by everybody)', () => {
    let conflicts = 0;
    fc.assert(
      fc.property(SEED, (seed) => {
        const all = randomConversation(seed, 40);
        const fold = foldAll(all);
        const changes = new Map(all.map(({ pdu }) => [pdu.id, pdu]));
        for (const [address, { by }] of fold.state.members) {
          const change = changes.get(by);
          expect(fold.counts(by)).toBe(true);
          expect(change?.nonce !== undefined || change?.stateKey === address).toBe(true);
        }
        conflicts += all.filter((written) => fold.allows(written) === 'allowed' && !fold.counts(written.pdu.id)).length;
      }),
      { numRuns: 500 },
    );
    // The generator is worth its name only if right acts lose to others that they had not seen.
    expect(conflicts).toBeGreaterThan(500);
  });
});
