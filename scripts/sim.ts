/**
 * `npm run sim [-- --count N] [--from N] [--seed N] [--homes gossip]`: worlds of five homes (src/sim/federation-world.ts), one
 * a seed. Says how far it is, and of each failure the seed, the commit and what went before. `--seed` replays one.
 */
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { SodiumSuite } from '../src/base/system/index.ts';
import { type FederationRun, simulateFederation } from '../src/sim/federation-world.ts';
import { buildGossipHomes } from '../src/sim/gossip-home.ts';
import { HomePapers } from '../src/sim/home-papers.ts';
import { buildNodeHomes } from '../src/sim/node-home.ts';
import { OpenSuite } from '../src/sim/open-suite.ts';

/** The length that the issue of convergence asks for. */
const COUNT = 100_000;
const PROGRESS_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: String(COUNT) },
    from: { type: 'string', default: '1' },
    homes: { type: 'string', default: 'nodes' },
  },
});
const papers = new HomePapers(new OpenSuite(new SodiumSuite()));
const builds = { nodes: buildNodeHomes, gossip: buildGossipHomes };
const build = builds[values.homes as keyof typeof builds];
if (build === undefined) throw new Error(`--homes is one of ${Object.keys(builds).join(', ')}`);
const homes = { papers, build: build(papers) };
const from = numberOf(values.seed ?? values.from);
const count = values.seed === undefined ? numberOf(values.count) : 1;

const total = { pdus: 0, discounted: 0, homes: 0, calls: 0, crashes: 0 };
let saidAt = performance.now();
let failures = 0;
for (let seed = from; seed < from + count; seed++) {
  try {
    add(await simulateFederation(seed, homes));
  } catch (error) {
    failures += 1;
    say(`${error instanceof Error ? (values.seed === undefined ? error.message : error.stack) : String(error)}`);
    say(`commit ${commitNow()}; again by: npm run sim -- --seed ${seed}`);
  }
  if (performance.now() - saidAt < PROGRESS_EVERY_MS) continue;
  saidAt = performance.now();
  say(`${seed - from + 1} of ${count} runs, ${failures} failed, ${msEach(seed - from + 1)} ms of processor each`);
}
say(
  `seeds ${from} to ${from + count - 1} on ${commitNow()}: ${failures} failed; ${total.pdus} PDUs (${total.discounted} of no ` +
    `effect), ${total.crashes} crashes, ${total.calls} calls between homes; ${msEach(count)} ms of processor each, load ${loadavg()[0]?.toFixed(1)}`,
);
process.exitCode = failures === 0 ? 0 : 1;

function add(run: FederationRun): void {
  for (const what of Object.keys(total) as (keyof typeof total)[]) total[what] += run[what];
}

function msEach(runs: number): string {
  const { user, system } = process.cpuUsage();
  return ((user + system) / 1000 / runs).toFixed(1);
}

function numberOf(text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,9}$/.test(text)) throw new Error(`${text} is no number`);
  return Number(text);
}

/** With a plus when the tree holds what is not committed. */
function commitNow(): string {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'src', 'scripts') === '' ? '' : '+'}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
