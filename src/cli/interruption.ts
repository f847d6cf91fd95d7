/**
 * Ctrl-C and SIGTERM: the first asks the work to stop where it is consistent, by the signal that everything takes; the
 * second ends the process at once, which costs nothing but the work under way, since all that counts is on disk.
 */
import { CliError } from './cli-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** From now on, being stopped is the way this command ends: no error, no advice. */
  expectEnd(): void;
  readonly isExpected: boolean;
}

export interface ProcessInterruption extends Interruption {
  /** As a signal that was expected: whoever reads what the command says has heard enough. */
  end(): void;
}

export function listenForInterruption(onFirst: () => void): ProcessInterruption {
  const controller = new AbortController();
  let isExpected = false;
  const abort = (): void =>
    controller.abort(
      new CliError('interrupted', 'stopped before the end', { fix: 'The same command goes on from here.' }),
    );
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      if (controller.signal.aborted) {
        endNow(name, listener);
        return;
      }
      abort();
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
    end: () => {
      isExpected = true;
      abort();
    },
    [Symbol.dispose]() {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}

/** By the signal itself, as shells expect: to exit by itself a process ends its threads first, and SQLite's binding aborts then. */
function endNow(name: (typeof SIGNALS)[number], listener: () => void): void {
  process.off(name, listener);
  process.kill(process.pid, name);
}
