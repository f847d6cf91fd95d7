/** What every Bus promises, run by each adapter: two participants of one bus, `a` and `b`. */
import { describe, expect, test } from 'vitest';
import { equalBytes, untilAborted } from '../../base/index.ts';
import type { Bus } from './bus.ts';

export interface BusPair extends AsyncDisposable {
  readonly a: Bus;
  readonly b: Bus;
  /** Ends a's part without a word: the process died, the connection was cut. */
  readonly cutA: () => Promise<void>;
}

export function busContract(name: string, openPair: () => Promise<BusPair>): void {
  describe(`${name} as a Bus`, () => {
    test('messages of every size reach the holder of a name, whole and in order, from both sides', async () => {
      await using pair = await openPair();
      const inbox = new Inbox();
      await pair.a.join('somebody', inbox.receive);
      const messages = [0, 1, 5, 100_000, 4_096, 0, 250_000].map((size, index) => new Uint8Array(size).fill(index + 1));
      for (const bus of [pair.b, pair.a]) {
        for (const message of messages) await bus.send('somebody', message);
        const arrived = await inbox.take(messages.length);
        // Not toEqual: that takes seconds for arrays of this length.
        expect(arrived.map((message, index) => equalBytes(message, messages[index] as Uint8Array))).not.toContain(
          false,
        );
      }
    });

    test('messages sent without waiting keep their order', async () => {
      await using pair = await openPair();
      const inbox = new Inbox();
      await pair.a.join('somebody', inbox.receive);
      await Promise.all(Array.from({ length: 500 }, (_, n) => pair.b.send('somebody', Uint8Array.of(n & 255, n >> 8))));
      const numbers = (await inbox.take(500)).map(([low = 0, high = 0]) => low | (high << 8));
      expect(numbers).toEqual(Array.from({ length: 500 }, (_, n) => n));
    });

    test('a message to nobody is refused, also to a name that begins like another', async () => {
      await using pair = await openPair();
      await pair.a.join('somebody', () => undefined);
      for (const to of ['some', 'somebody2', 'x'.repeat(200)])
        await expect(pair.b.send(to, Uint8Array.of(1))).rejects.toMatchObject({ code: 'absent' });
    });

    test('a name has one holder at a time', async () => {
      await using pair = await openPair();
      const place = await pair.a.join('one', () => undefined);
      for (const bus of [pair.a, pair.b])
        await expect(bus.join('one', () => undefined)).rejects.toMatchObject({ code: 'busy' });
      expect(await pair.b.isPresent('one')).toBe(true);
      await place[Symbol.asyncDispose]();
      expect(place.lost.aborted).toBe(true);
      expect(await pair.b.isPresent('one')).toBe(false);
      await pair.b.join('one', () => undefined);
    });

    test('of many who want a name at once, one gets it', async () => {
      await using pair = await openPair();
      const tries = Array.from({ length: 20 }, (_, n) =>
        (n % 2 === 0 ? pair.a : pair.b).join('wanted', () => undefined),
      );
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('a name is lost with its holder, who is told; another can have it', async () => {
      await using pair = await openPair();
      const place = await pair.a.join('mine', () => undefined);
      await pair.cutA();
      await untilAborted(place.lost);
      await eventually(async () => !(await pair.b.isPresent('mine')));
      await pair.b.join('mine', () => undefined);
    });

    test('an event reaches everybody who listens to its topic, once each, and nobody else', async () => {
      await using pair = await openPair();
      const inboxes = [new Inbox(), new Inbox(), new Inbox()] as const;
      await pair.a.listen('weather', inboxes[0].receive);
      await pair.b.listen('weather', inboxes[1].receive);
      await pair.b.listen('weather.sun', inboxes[2].receive);
      await pair.a.publish('weather', Uint8Array.of(1));
      await pair.b.publish('weather', Uint8Array.of(2));
      await pair.b.publish('weather.sun', Uint8Array.of(3));
      for (const inbox of [inboxes[0], inboxes[1]])
        expect((await inbox.take(2)).map(([byte]) => byte).sort()).toEqual([1, 2]);
      expect(await inboxes[2].take(1)).toEqual([Uint8Array.of(3)]);
      await pair.a.publish('nobody listens', Uint8Array.of(4));
    });

    test('who stops listening hears nothing more', async () => {
      await using pair = await openPair();
      const [left, stays] = [new Inbox(), new Inbox()];
      const listening = await pair.a.listen('weather', left.receive);
      await pair.a.listen('weather', stays.receive);
      await listening[Symbol.asyncDispose]();
      await pair.b.publish('weather', Uint8Array.of(1));
      expect(await stays.take(1)).toEqual([Uint8Array.of(1)]);
      expect(left.count).toBe(0);
    });

    test('a receiver that throws harms nobody', async () => {
      await using pair = await openPair();
      const inbox = new Inbox();
      await pair.a.join('bad', () => {
        throw new Error('on purpose');
      });
      await pair.a.join('good', inbox.receive);
      await pair.b.send('bad', Uint8Array.of(1));
      await pair.b.send('good', Uint8Array.of(2));
      expect(await inbox.take(1)).toEqual([Uint8Array.of(2)]);
    });

    test('a bus that is closed says so', async () => {
      await using pair = await openPair();
      await pair.a[Symbol.asyncDispose]();
      await expect(pair.a.send('somebody', Uint8Array.of(1))).rejects.toMatchObject({ code: 'closed' });
      await expect(pair.a.join('somebody', () => undefined)).rejects.toMatchObject({ code: 'closed' });
    });
  });
}

class Inbox {
  readonly #messages: Uint8Array[] = [];
  #wake: (() => void) | undefined;

  readonly receive = (message: Uint8Array): void => {
    this.#messages.push(Uint8Array.from(message));
    this.#wake?.();
  };

  get count(): number {
    return this.#messages.length;
  }

  async take(count: number): Promise<Uint8Array[]> {
    while (this.#messages.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#messages.splice(0, count);
  }
}

/** Each try is a round trip; the test's own time-out ends a wait in vain. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
