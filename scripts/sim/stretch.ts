/** Consecutive seeds, run one after the other, and what came of them. */
import { type FederationRun, simulateFederation } from '../../src/sim/federation-world.ts';
import { buildGossipHomes } from '../../src/sim/gossip-home.ts';
import type { HomePapers } from '../../src/sim/home-papers.ts';
import { buildNodeHomes } from '../../src/sim/node-home.ts';

export const KINDS = { nodes: buildNodeHomes, gossip: buildGossipHomes };

/** Consecutive seeds. */
export interface Stretch {
  readonly from: number;
  readonly count: number;
}

export interface Outcome {
  readonly stretch: Stretch;
  /** Fewer than asked for when it was told to stop. */
  readonly done: number;
  readonly total: Totals;
  readonly failures: readonly { readonly seed: number; readonly what: string }[];
  readonly processorMs: number;
}

export type Totals = Record<'pdus' | 'discounted' | 'homes' | 'calls' | 'crashes', number>;

export const NO_TOTALS: Totals = Object.freeze({ pdus: 0, discounted: 0, homes: 0, calls: 0, crashes: 0 });

export function sumOf(total: Totals, run: Totals | FederationRun): Totals {
  const names = Object.keys(NO_TOTALS) as (keyof Totals)[];
  return Object.fromEntries(names.map((name) => [name, total[name] + run[name]])) as Totals;
}

/** Runs a stretch of seeds, or as much of it as `goesOn` lets it. */
export async function runStretch(
  kind: keyof typeof KINDS,
  papers: HomePapers,
  stretch: Stretch,
  goesOn: () => boolean,
): Promise<Outcome> {
  const homes = { papers, build: KINDS[kind](papers) };
  const before = process.cpuUsage();
  const failures: { seed: number; what: string }[] = [];
  let total = NO_TOTALS;
  let done = 0;
  for (; done < stretch.count && goesOn(); done++) {
    const seed = stretch.from + done;
    try {
      total = sumOf(total, await simulateFederation(seed, homes));
    } catch (error) {
      const { message, stack } = error as Error;
      failures.push({ seed, what: stretch.count === 1 ? (stack ?? message) : message });
    }
    // Messages are heard between two runs.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  return { stretch, done, total, failures, processorMs: (user + system) / 1000 };
}
