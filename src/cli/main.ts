#!/usr/bin/env -S node --max-semi-space-size=64
/**
 * The program `restante`: runs one command, and ends with 0, 1 or 2. Its first line has V8 let the young generation grow with
 * what is in flight: else a busy node copies each submit's objects again and again (docs/performance.md).
 */
import type { Streams } from './context.ts';
import { listenForInterruption } from './interruption.ts';
import { runCommand } from './run.ts';

async function main(args: readonly string[], streams: Streams): Promise<number> {
  // A bar may stand where the terminal has just written ^C: the line is taken for this.
  const lineStart = streams.stderr.isTTY === true ? '\r\u001b[2K' : '';
  using interruption = listenForInterruption(() =>
    streams.stderr.write(`${lineStart}Stopping; Ctrl-C again stops at once.\n`),
  );
  let isHeard = true;
  // Whoever reads our lines may have heard enough (`restante list | head`): then there is nobody to talk to any more.
  for (const stream of [streams.stdout, streams.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      isHeard &&= error.code === 'EPIPE';
      interruption.end();
    });
  const code = await runCommand(args, streams, interruption, undefined);
  return isHeard ? code : 1;
}

const { stdin, stdout, stderr } = process;
const exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, environment: process.env });
// Not by process.exitCode: an idle connection or thread of a library must not keep a finished command alive.
stdout.write('', () => process.exit(exitCode));
