/** Runs one command: understands its arguments, lets it act, and says what went wrong in one line. */
import { CommanderError } from 'commander';
import { HandedOver, Unsuccessful } from './cli-error.ts';
import { createAct, createContext, type RunCommand } from './context.ts';
import { describeError, exitCodeOf } from './error-line.ts';
import { createProgram } from './program.ts';

/** Resolves with the exit code. */
export const runCommand: RunCommand = async (args, streams, interruption, shared) => {
  // Before the arguments are understood, since they may be what is wrong.
  const options = { json: args.includes('--json'), verbose: args.includes('--verbose') };
  const deps = { args, streams, interruption, shared, run: runCommand };
  const { output } = createContext(deps, options);
  try {
    await createProgram(createAct(deps), streams).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help and --version
    if (error instanceof HandedOver) return error.exitCode;
    if (interruption.signal.aborted && interruption.isExpected) return 0;
    if (error instanceof Unsuccessful) return 1;
    const failure = interruption.signal.aborted ? interruption.signal.reason : error;
    output.error(describeError(failure));
    if (options.verbose && error instanceof Error) output.note(error.stack ?? '');
    return exitCodeOf(failure);
  }
};
