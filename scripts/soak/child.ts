/** The process of a soak: its arguments as JSON; `stop`, or the end of whoever started it, ends it early and in order. */
import { execFileSync } from 'node:child_process';
import type { SoakArguments } from './arguments.ts';
import { Board } from './board.ts';
import { reportOf } from './report.ts';
import { soak } from './soak.ts';
import { EVERYBODY } from './world.ts';

const given = JSON.parse(process.argv[2] ?? '{}') as SoakArguments;
const stopping = new AbortController();
process.on('message', () => stopping.abort());
process.on('disconnect', () => stopping.abort());
// What is run, whatever the tree becomes meanwhile.
const commit = commitNow();
const board = new Board(given.json ? process.stderr : process.stdout);
board.say(`seed ${given.seed}, commit ${commit}, ${given.minutes} min, a fault every ${given.faultEveryMs / 1_000} s`);
const result = await soak({
  ...given,
  people: EVERYBODY,
  signal: stopping.signal,
  say: (line) => board.say(line),
  show: (state) => board.show(state),
});
board.end();
const facts = { seed: given.seed, commit, ...result };
process.stdout.write(given.json ? `${JSON.stringify(facts)}\n` : reportOf(facts));
process.exitCode = result.breachCount > 0 ? 1 : 0;
process.disconnect?.();

/** With a plus when the tree holds what is not committed. */
function commitNow(): string {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'src', 'scripts') === '' ? '' : '+'}`;
}
