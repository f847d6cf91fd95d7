#!/usr/bin/env node
/** The program `restante`: runs one command, says what went wrong in one line, and ends with 0, 1 or 2. */
import { CommanderError } from 'commander';
import { Unsuccessful } from './cli-error.ts';
import { createAct, createContext, type Streams } from './context.ts';
import { describeError, exitCodeOf } from './error-line.ts';
import { listenForInterruption } from './interruption.ts';
import { createProgram } from './program.ts';

async function main(args: readonly string[], streams: Streams): Promise<number> {
  // Before the arguments are understood, since they may be what is wrong.
  const options = { json: args.includes('--json'), verbose: args.includes('--verbose') };
  // A bar may stand where the terminal has just written ^C: the line is taken for this.
  const lineStart = streams.stderr.isTTY ? '\r\u001b[2K' : '';
  using interruption = listenForInterruption(() =>
    streams.stderr.write(`${lineStart}Stopping; Ctrl-C again stops at once.\n`),
  );
  const { output } = createContext(streams, interruption, options);
  try {
    await createProgram(createAct(streams, interruption), streams).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help and --version
    if (interruption.signal.aborted && interruption.isExpected) return 0;
    if (error instanceof Unsuccessful) return 1;
    const failure = interruption.signal.aborted ? interruption.signal.reason : error;
    output.error(describeError(failure));
    if (options.verbose && error instanceof Error) output.note(error.stack ?? '');
    return exitCodeOf(failure);
  }
}

const { stdin, stdout, stderr } = process;
// Whoever reads our lines may have heard enough (`restante list | head`): then there is nobody to talk to any more.
for (const stream of [stdout, stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, environment: process.env });
// Not by process.exitCode: an idle connection or thread of a library must not keep a finished command alive.
stdout.write('', () => process.exit(exitCode));
