/**
 * `npm run soak`: says what is asked for, and runs it in a process group of its own (child.ts). So Ctrl-C does not reach the
 * programs of the world, which would end while they are still to be looked at: it is passed on as a wish to stop.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArguments, UsageError } from './arguments.ts';

async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words);
  if ('help' in given) {
    process.stdout.write(given.help);
    return 0;
  }
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./child.js', import.meta.url)), JSON.stringify(given)],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    },
  );
  process.on('SIGINT', () => child.send('stop'));
  process.on('SIGTERM', () => child.send('stop'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
