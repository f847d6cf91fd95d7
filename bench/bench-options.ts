/** What a bench is told and what it answers. */

export interface BenchOptions {
  /** The long form. */
  readonly full: boolean;
  /** Of the growth bench: the last size, how many people have the entries, and where the rows are. */
  readonly growth: GrowthOptions;
  /** Node options of the measured node: `--cpu-prof` when a profile is wanted. */
  readonly execArgv: readonly string[];
}

export interface GrowthOptions {
  readonly entries: number | undefined;
  readonly people: number;
  readonly isPostgres: boolean;
}

export type BenchResult = Readonly<Record<string, number | string>>;
export type Bench = (options: BenchOptions) => Promise<BenchResult>;
