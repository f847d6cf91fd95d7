/** The command line as a tree: names, options, examples. What a command does is in its file under commands/. */
import { Command } from 'commander';
import { addCommands } from './commands/index.ts';
import type { Act, Streams } from './context.ts';
import { VERSION } from './context.ts';
import { createPaint } from './terminal/paint.ts';

export function createProgram(act: Act, streams: Streams): Command {
  const program = new Command('restante');
  const paint = createPaint(streams.stdout.isTTY === true, streams.environment);
  program
    .description('Self-hosted, end-to-end-encrypted, federated mail.')
    .version(VERSION)
    .option('--json', 'one JSON object a line on stdout, nothing else')
    .option('--progress', 'show progress on stderr with --json too')
    .option('--password-stdin', 'read the password from the first line of stdin')
    .option('--verbose', 'say on stderr what goes on')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (text) => paint.bold(text),
    })
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      // What is wrong with the command line is said by main, in the form that was asked for.
      writeErr: () => {},
    });
  addCommands(program, act);
  return program;
}
