/** Which seeds are handed out, which have run, and how it goes. */
import { loadavg } from 'node:os';
import { NO_TOTALS, type Outcome, type Stretch, sumOf } from './stretch.ts';

/** Some seconds of work: little to do again after Ctrl-C, and messages cost nothing beside it. */
export const STRETCH_SEEDS = 20;

export class Board {
  readonly #from: number;
  readonly #count: number;
  /** Stretches of which not every seed has run, by their first seed. */
  readonly #underWay = new Map<number, Stretch>();
  #next: number;
  #isStopped = false;
  #done = 0;
  #failures = 0;
  #processorMs = 0;
  #total = NO_TOTALS;

  constructor(from: number, count: number) {
    this.#from = from;
    this.#count = count;
    this.#next = from;
  }

  get failureCount(): number {
    return this.#failures;
  }

  get isComplete(): boolean {
    return this.#done === this.#count;
  }

  /** Undefined: there is nothing more to do. */
  take(): Stretch | undefined {
    const left = this.#from + this.#count - this.#next;
    if (this.#isStopped || left === 0) return undefined;
    const stretch = { from: this.#next, count: Math.min(STRETCH_SEEDS, left) };
    this.#next += stretch.count;
    this.#underWay.set(stretch.from, stretch);
    return stretch;
  }

  add({ done, failures, processorMs, stretch, total }: Outcome): void {
    this.#underWay.delete(stretch.from);
    // What it was stopped before is still to do.
    if (done < stretch.count) this.#underWay.set(stretch.from, { from: stretch.from + done, count: 0 });
    this.#done += done;
    this.#failures += failures.length;
    this.#processorMs += processorMs;
    this.#total = sumOf(this.#total, total);
  }

  /** Nothing is handed out any more. */
  stop(): void {
    this.#isStopped = true;
  }

  progress(): string {
    return `${this.#done} of ${this.#count} runs, ${this.#failures} failed, ${this.#msEach()} ms of processor each; next: --from ${this.#unfinished}`;
  }

  end(commit: string): string {
    const { calls, crashes, discounted, pdus } = this.#total;
    const last = this.#from + this.#count - 1;
    const summary =
      `${this.#failures} failed; ${pdus} PDUs (${discounted} of no effect), ${crashes} crashes, ${calls} calls between ` +
      `homes; ${this.#msEach()} ms of processor each, load ${loadavg()[0]?.toFixed(1)}`;
    if (this.isComplete) return `seeds ${this.#from} to ${last} on ${commit}: ${summary}`;
    const next = this.#unfinished;
    return (
      `stopped after ${this.#done} of ${this.#count} runs on ${commit}: ${summary}\n` +
      `go on by: npm run sim -- --from ${next} --count ${last - next + 1}`
    );
  }

  /** Every seed before it has run. */
  get #unfinished(): number {
    return Math.min(this.#next, ...[...this.#underWay.values()].map(({ from }) => from));
  }

  #msEach(): string {
    return (this.#processorMs / Math.max(1, this.#done)).toFixed(1);
  }
}
