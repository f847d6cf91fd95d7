import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { closed } from './closing.ts';

class Part extends EventEmitter {
  readonly #answer: Promise<void>;

  constructor(answer: Promise<void>) {
    super();
    this.#answer = answer;
  }

  close(): Promise<void> {
    return this.#answer;
  }
}

test('ends by the answer of the other side, or when the connection breaks before it', async () => {
  const answered = new Part(Promise.resolve());
  await closed(answered);
  const broken = new Part(new Promise(() => undefined));
  const ending = closed(broken);
  broken.emit('close');
  await ending;
  for (const part of [answered, broken]) expect(part.listenerCount('close')).toBe(0);
});

test('tells of what had ended before', async () => {
  const part = new Part(Promise.reject(new Error('ended before')));
  await expect(closed(part)).rejects.toThrow('ended before');
  expect(part.listenerCount('close')).toBe(0);
});
