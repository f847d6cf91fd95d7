import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../../base/index.ts';
import { type Exchange, exchangesOf } from './exchanges.ts';
import { EXCHANGES_MAX } from './limits.ts';

function order(records: readonly Exchange[], ownNames: readonly string[] = [], seed = 1) {
  return exchangesOf(new SeededPrng(seed), records, { domain: 'a.example', ownNames });
}

describe('the mail servers of a domain', () => {
  test('come by preference, and alike ones in an order that is drawn', () => {
    const records = [
      { exchange: 'Third.a.example.', priority: 30 },
      { exchange: 'one.a.example', priority: 10 },
      { exchange: 'two.a.example', priority: 10 },
    ];
    const drawn = new Set(
      Array.from({ length: 20 }, (_, seed) => {
        const exchanges = order(records, [], seed);
        return exchanges.kind === 'hosts' ? exchanges.hosts.join(' ') : exchanges.kind;
      }),
    );
    expect(drawn).toEqual(
      new Set(['one.a.example two.a.example third.a.example', 'two.a.example one.a.example third.a.example']),
    );
  });

  test('are the domain itself where it names none', () => {
    expect(order([])).toEqual({ kind: 'hosts', hosts: ['a.example'] });
  });

  test('are none where it says so', () => {
    for (const exchange of ['', '.']) expect(order([{ exchange, priority: 0 }])).toEqual({ kind: 'none' });
  });

  test('are those that are better than this machine, where it is one of them', () => {
    const records = [
      { exchange: 'best.a.example', priority: 10 },
      { exchange: 'mail.home.example', priority: 20 },
      { exchange: 'other.a.example', priority: 20 },
    ];
    expect(order(records, ['mail.home.example'])).toEqual({ kind: 'hosts', hosts: ['best.a.example'] });
    expect(order(records, ['best.a.example'])).toEqual({ kind: 'self' });
  });

  test('are few', () => {
    const records = Array.from({ length: 50 }, (_, index) => ({ exchange: `mx${index}.a.example`, priority: index }));
    expect(order(records)).toMatchObject({ kind: 'hosts', hosts: { length: EXCHANGES_MAX } });
  });
});
