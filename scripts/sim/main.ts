/**
 * `npm run sim`: worlds of five homes (src/sim/federation-world.ts), one a seed, on as many processes as there are cores. Says
 * how far it is, and of each failure the seed, the commit and what went before. Ctrl-C lets the runs under way end and says
 * where to go on.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Board, STRETCH_SEEDS } from './board.ts';
import { KINDS, type Outcome } from './stretch.ts';

const HELP = `Simulates worlds of five homes, one a seed, and checks that all agree after healing.

  npm run sim -- [options]

  --count N      so many seeds (default 100000)
  --from N       the first of them (default 1)
  --seed N       this one alone, with the whole stack of what fails
  --jobs N       so many processes (default: the cores, ${availableParallelism()} here)
  --homes KIND   ${Object.keys(KINDS).join(' or ')} (default nodes)
  --help         this

Ctrl-C ends it after the runs under way and says from which seed to go on. The exit code is 1 when a run failed, and 130
when it was interrupted.
`;

/** The length that the issue of convergence asks for. */
const COUNT = 100_000;
const PROGRESS_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: String(COUNT) },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    homes: { type: 'string', default: 'nodes' },
    help: { type: 'boolean', default: false },
  },
});
async function main(): Promise<void> {
  const from = numberOf('from', values.seed ?? values.from);
  const count = values.seed === undefined ? numberOf('count', values.count) : 1;
  const jobs = Math.max(1, Math.min(numberOf('jobs', values.jobs), Math.ceil(count / STRETCH_SEEDS)));
  const board = new Board(from, count);
  const workers = new Set<ChildProcess>();
  process.on('SIGINT', () => {
    board.stop();
    for (const worker of workers) if (worker.connected) worker.send('stop');
  });
  const progress = setInterval(() => say(board.progress()), PROGRESS_EVERY_MS);
  await Promise.all(Array.from({ length: jobs }, () => work(board, workers)));
  clearInterval(progress);
  say(board.end(commitNow()));
  process.exitCode = board.failureCount > 0 ? 1 : board.isComplete ? 0 : 130;
}

/** A process of its own until there is nothing to take. Rejects when it dies of itself. */
async function work(board: Board, workers: Set<ChildProcess>): Promise<void> {
  const worker = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), [values.homes]);
  workers.add(worker);
  await new Promise<void>((resolve, reject) => {
    const handOut = (): void => {
      const stretch = board.take();
      if (stretch === undefined) resolve();
      else worker.send(stretch);
    };
    worker.on('message', (outcome: Outcome) => {
      board.add(outcome);
      for (const { seed, what } of outcome.failures)
        say(`${what}\ncommit ${commitNow()}; again by: npm run sim -- --seed ${seed}`);
      handOut();
    });
    worker.on('error', reject);
    worker.on('exit', (code, signal) => reject(new Error(`a process of the simulation ended: ${signal ?? code}`)));
    handOut();
  });
  worker.kill();
}

function numberOf(name: string, text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) refuse(`--${name}: ${text} is no number`);
  return Number(text);
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

/** With a plus when the tree holds what is not committed. */
function commitNow(): string {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'src', 'scripts') === '' ? '' : '+'}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (values.help) process.stdout.write(HELP);
else if (values.homes in KINDS) await main();
else refuse(`--homes is one of ${Object.keys(KINDS).join(', ')}`);
