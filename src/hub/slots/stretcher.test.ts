import { expect, test } from 'vitest';
import { type Argon2Cost, SeededSecureRandom } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { STRETCHING_AT_ONCE_MAX, STRETCHING_QUEUE_MAX } from './limits.ts';
import { createStretching } from './slot.ts';
import { Stretcher } from './stretcher.ts';

/** Takes its time: each password is stretched when the test says so. */
class WaitingSuite extends SodiumSuite {
  readonly begun: (() => void)[] = [];

  override async argon2id(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost): Promise<Uint8Array> {
    await new Promise<void>((resolve) => this.begun.push(resolve));
    return super.argon2id(password, salt, cost);
  }
}

const parameters = createStretching(new SeededSecureRandom(1));
const codeOf = (stretched: Promise<unknown>) =>
  stretched.then(
    () => 'stretched',
    (error: { code: string }) => error.code,
  );

test('a few passwords are stretched at once, some wait, who comes after that is told to come again', async () => {
  const suite = new WaitingSuite();
  await using stretcher = new Stretcher(suite);
  const ask = () => codeOf(stretcher.stretch('tea', parameters));
  const asked = Array.from({ length: STRETCHING_AT_ONCE_MAX + STRETCHING_QUEUE_MAX }, ask);
  expect(await ask()).toBe('busy');
  expect(suite.begun).toHaveLength(STRETCHING_AT_ONCE_MAX);
  suite.begun[0]?.();
  expect(await asked[0]).toBe('stretched');
  await Promise.resolve();
  expect(suite.begun).toHaveLength(STRETCHING_AT_ONCE_MAX + 1);
});

test('who waits when the hub stops is told so, and nobody is taken any more', async () => {
  const suite = new WaitingSuite();
  const stretcher = new Stretcher(suite);
  const asked = Array.from({ length: STRETCHING_AT_ONCE_MAX + 1 }, () => codeOf(stretcher.stretch('tea', parameters)));
  await stretcher[Symbol.asyncDispose]();
  expect(await asked.at(-1)).toBe('closed');
  expect(await codeOf(stretcher.stretch('tea', parameters))).toBe('closed');
});

test('parameters that are too weak are nobody’s password', async () => {
  await using stretcher = new Stretcher(new SodiumSuite());
  expect(await codeOf(stretcher.stretch('tea', { ...parameters, memoryKib: 64 }))).toBe('failed');
});
