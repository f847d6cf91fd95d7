/** What a bench is told and what it answers. */

export interface BenchOptions {
  /** The long form. */
  readonly full: boolean;
  /** Node options of the measured node: `--cpu-prof` when a profile is wanted. */
  readonly execArgv: readonly string[];
}

export type BenchResult = Readonly<Record<string, number | string>>;
export type Bench = (options: BenchOptions) => Promise<BenchResult>;
