/** What each process has in memory, over time. */
import type { Breaches } from './breaches.ts';
import { MEMORY_EVERY_MS, RESIDENT_BYTES_MAX, SLOPE_LEAST_MS, WARM_UP_MS } from './limits.ts';
import { proportionalBytes, residentBytes, treeOf } from './process-tree.ts';
import { everySoOften } from './traffic.ts';
import type { World } from './world.ts';

export interface RoleMemory {
  readonly role: string;
  readonly first: number;
  readonly most: number;
  readonly last: number;
  /** Of the process that lived longest, after it had warmed up: bytes an hour, and for how long it was watched. */
  readonly slope: { readonly bytesAnHour: number; readonly ms: number } | undefined;
  /** The most in each tenth of the time. */
  readonly tenths: readonly (number | undefined)[];
}

interface Sample {
  readonly at: number;
  readonly pid: number;
  readonly bytes: number;
}

export class Memory {
  readonly #world: World;
  readonly #samples = new Map<string, Sample[]>();

  constructor(world: World) {
    this.#world = world;
  }

  watch(signal: AbortSignal): Promise<void> {
    return everySoOften(MEMORY_EVERY_MS, signal, () => this.#look());
  }

  report(breaches: Breaches): readonly RoleMemory[] {
    const all = [...this.#samples.values()].flat();
    const [from, to] = [Math.min(...all.map(({ at }) => at)), Math.max(...all.map(({ at }) => at))];
    return [...this.#samples].sort().map(([role, samples]) => {
      const most = Math.max(...samples.map(({ bytes }) => bytes));
      if (most > RESIDENT_BYTES_MAX) breaches.add(`${role} had ${Math.round(most / 1e6)} MB in memory`);
      return {
        role,
        first: samples[0]?.bytes ?? 0,
        most,
        last: samples.at(-1)?.bytes ?? 0,
        slope: slopeOf(samples),
        tenths: Array.from({ length: 10 }, (_, tenth) => {
          const edge = (at: number): number => from + ((to - from) * at) / 10;
          const within = samples.filter(({ at }) => at >= edge(tenth) && at <= edge(tenth + 1));
          return within.length === 0 ? undefined : Math.max(...within.map(({ bytes }) => bytes));
        }),
      };
    });
  }

  async #look(): Promise<void> {
    const { homes, hubs, postgres, rabbit } = this.#world;
    for (const [home, fleet] of Object.entries(homes))
      for (const { name, process } of fleet.running) this.#note(`node ${home} ${name}`, process?.pid);
    for (const { name, process } of hubs.everyProcess) if (process.isRunning) this.#note(`hub ${name}`, process.pid);
    // A host that was just struck says nothing of its user servers now.
    const userServers = await hubs.userServers().catch(() => []);
    for (const { pid, user } of userServers) this.#note(`user server of ${user.split('@')[0]}`, pid);
    this.#note('RabbitMQ', rabbit.pid);
    this.#noteTree('PostgreSQL, all processes', postgres.pid);
    this.#note('this process: people and their devices', process.pid);
  }

  #note(role: string, pid: number | undefined): void {
    if (pid !== undefined) this.#add(role, pid, residentBytes(pid));
  }

  #noteTree(role: string, pid: number | undefined): void {
    if (pid !== undefined)
      this.#add(
        role,
        pid,
        treeOf(pid).reduce((sum, one) => sum + proportionalBytes(one), 0),
      );
  }

  #add(role: string, pid: number, bytes: number): void {
    if (bytes === 0) return;
    const samples = this.#samples.get(role) ?? [];
    samples.push({ at: performance.now(), pid, bytes });
    this.#samples.set(role, samples);
  }
}

/** Least squares over the longest life. */
function slopeOf(samples: readonly Sample[]): RoleMemory['slope'] {
  const lives = [...new Set(samples.map(({ pid }) => pid))].map((pid) => {
    const life = samples.filter((sample) => sample.pid === pid);
    return life.filter(({ at }) => at - (life[0]?.at ?? 0) > WARM_UP_MS);
  });
  const msOf = (life: readonly Sample[]): number => (life.at(-1)?.at ?? 0) - (life[0]?.at ?? 0);
  const [longest = []] = lives.sort((x, y) => msOf(y) - msOf(x));
  if (msOf(longest) < SLOPE_LEAST_MS) return undefined;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, bytes] = [mean(longest.map((sample) => sample.at)), mean(longest.map((sample) => sample.bytes))];
  const above = longest.reduce((sum, sample) => sum + (sample.at - at) * (sample.bytes - bytes), 0);
  const below = longest.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  return { bytesAnHour: (above / below) * 3_600_000, ms: msOf(longest) };
}
