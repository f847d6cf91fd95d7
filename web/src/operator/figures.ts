/** Counters in Prometheus' words, and what two looks at them say: rates, latencies, sizes. */
export interface Look {
  /** Seconds since 1970. */
  readonly at: number;
  /** Summed over labels; buckets by their bound. */
  readonly counters: ReadonlyMap<string, number>;
  readonly buckets: readonly (readonly [bound: number, count: number])[];
}

export interface Sample {
  readonly at: number;
  readonly accepted: number | null;
  readonly delivered: number | null;
  readonly refused: number | null;
  /** Milliseconds from a submit to its receipt; null while nothing is submitted. */
  readonly median: number | null;
  readonly slow: number | null;
  readonly diskMegabytes: number | null;
  readonly memoryMegabytes: number | null;
}

const LINE = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)/i;
const LATENCY = 'restante_submit_seconds';
const MEGABYTE = 1e6;

export function readLook(text: string, at: number): Look {
  const counters = new Map<string, number>();
  const buckets: [number, number][] = [];
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', spelled = ''] = LINE.exec(line) ?? [];
    const value = Number(spelled);
    if (name === '' || Number.isNaN(value)) continue;
    if (name === `${LATENCY}_bucket`)
      buckets.push([Number(/le="([^"]+)"/.exec(labels)?.[1]?.replace('+Inf', 'Infinity')), value]);
    else counters.set(name, (counters.get(name) ?? 0) + value);
  }
  return { at, counters, buckets };
}

export function sampleOf(before: Look, now: Look, diskBytes: number | undefined, memoryBytes: number): Sample {
  const seconds = Math.max(0.001, now.at - before.at);
  const rate = (name: string): number | null => {
    // What never happened is not counted at all; a program that has started anew counts from nothing.
    const [from, to] = [before.counters.get(name) ?? 0, now.counters.get(name) ?? 0];
    return to < from ? null : (to - from) / seconds;
  };
  return {
    at: now.at,
    accepted: rate('restante_receipts_total'),
    delivered: rate('restante_entries_sent_total'),
    refused: rate('restante_refused_total'),
    median: quantile(before, now, 0.5),
    slow: quantile(before, now, 0.95),
    diskMegabytes: diskBytes === undefined ? null : diskBytes / MEGABYTE,
    memoryMegabytes: memoryBytes / MEGABYTE,
  };
}

/** Of what happened between two looks: within a bucket as if evenly spread. */
function quantile(before: Look, now: Look, share: number): number | null {
  const counts = now.buckets.map(
    ([bound, count], index) => [bound, count - (before.buckets[index]?.[1] ?? 0)] as const,
  );
  const all = counts.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = share * all;
  const index = counts.findIndex(([, count]) => count >= wanted);
  const [low, under] = counts[index - 1] ?? [0, 0];
  const [high, upTo] = counts[index] ?? [0, 0];
  const within = upTo === under ? 1 : (wanted - under) / (upTo - under);
  return 1_000 * (Number.isFinite(high) ? low + (high - low) * within : low);
}
