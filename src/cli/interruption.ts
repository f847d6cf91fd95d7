/**
 * Ctrl-C and SIGTERM: the first asks the work to stop where it is consistent, by the signal that everything takes; the
 * second ends the process at once, which costs nothing but the work under way, since all that counts is on disk.
 */
import { CliError } from './cli-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** What shells expect of a program that a signal ended: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** From now on, being stopped is the way this command ends: no error, no advice. */
  expectEnd(): void;
  readonly isExpected: boolean;
}

export function listenForInterruption(onFirst: () => void): Interruption {
  const controller = new AbortController();
  let isExpected = false;
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      if (controller.signal.aborted) process.exit(EXIT_CODES[name]);
      controller.abort(
        new CliError('interrupted', 'stopped before the end', { fix: 'The same command goes on from here.' }),
      );
      if (!isExpected) onFirst();
    };
    process.on(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    expectEnd: () => {
      isExpected = true;
    },
    get isExpected() {
      return isExpected;
    },
    [Symbol.dispose]() {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}
