/**
 * Cost per message while a feed grows: at each size the rate of submits, of draining, the time to start, memory and disk.
 * Writes docs/reports/growth.md and growth.svg. The short form ends at 100 000 entries.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Person } from '../test/harness/person.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { drainLatest } from './drain-load.ts';
import { folderBytes } from './folder-bytes.ts';
import { drawLines } from './line-plot.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';

const SIZES = [10_000, 30_000, 100_000];
const FULL_SIZES = [...SIZES, 300_000, 1_000_000];
const CONNECTIONS = 10;
const BODY_BYTES = 1024;
/** The slice before each size that is measured, and the unit in which the rest is made. */
const SLICE = 5_000;
/** Entries drained of each person's mailbox at each size: the same work everywhere. */
const DRAINED_EACH = 1_000;

interface Point {
  readonly entries: number;
  readonly submitsPerSecond: number;
  readonly submitCpuMicros: number;
  readonly drainedPerSecond: number;
  readonly drainCpuMicros: number;
  readonly startMs: number;
  readonly rssMib: number;
  readonly diskBytesPerEntry: number;
  readonly load: number;
}

export async function benchGrowth({ full }: BenchOptions): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-growth-'));
  const points: Point[] = [];
  try {
    let people: readonly Person[] | undefined;
    let entries = 0;
    for (const size of full ? FULL_SIZES : SIZES) {
      people = await grow(folder, people, entries, size - SLICE);
      points.push(await measure(folder, people, size));
      entries = size;
      await writeReport(points);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new Error('nothing was measured');
  return {
    entries: last.entries,
    submitCpuGrowth: last.submitCpuMicros / first.submitCpuMicros,
    drainCpuGrowth: last.drainCpuMicros / first.drainCpuMicros,
    startMs: last.startMs,
    rssMib: last.rssMib,
    diskBytesPerEntry: last.diskBytesPerEntry,
  };
}

/** Unmeasured, up to `to` entries. */
async function grow(
  folder: string,
  people: readonly Person[] | undefined,
  from: number,
  to: number,
): Promise<readonly Person[]> {
  await using node = await NodeProcess.open({ folder });
  using load = await Load.open(node, CONNECTIONS, people);
  for (let entries = from; entries < to; entries += SLICE)
    await load.submit(node, load.prepare(Math.min(SLICE, to - entries), BODY_BYTES));
  return load.people;
}

async function measure(folder: string, people: readonly Person[], size: number): Promise<Point> {
  const startedAt = performance.now();
  await using node = await NodeProcess.open({ folder });
  const startMs = performance.now() - startedAt;
  using load = await Load.open(node, CONNECTIONS, people);
  // Warms the node up to what it is while it runs; the slice after it is the one that counts.
  await load.submit(node, load.prepare(SLICE / 2, BODY_BYTES));
  const submitted = await load.submit(node, load.prepare(SLICE / 2, BODY_BYTES));
  const drained = await drainLatest(node, people, DRAINED_EACH);
  const { rss } = await node.usage();
  return {
    entries: size,
    submitsPerSecond: submitted.perSecond,
    submitCpuMicros: submitted.nodeCpuMicros,
    drainedPerSecond: drained.perSecond,
    drainCpuMicros: drained.nodeCpuMicros,
    startMs,
    rssMib: rss / 2 ** 20,
    diskBytesPerEntry: (await folderBytes(folder)) / size,
    load: loadavg()[0] ?? 0,
  };
}

async function writeReport(points: readonly Point[]): Promise<void> {
  const reports = fileURLToPath(new URL('../../docs/reports/', import.meta.url));
  const rows = points.map((point) =>
    [
      point.entries,
      Math.round(point.submitsPerSecond),
      Math.round(point.submitCpuMicros),
      Math.round(point.drainedPerSecond),
      point.drainCpuMicros.toFixed(1),
      Math.round(point.startMs),
      Math.round(point.rssMib),
      Math.round(point.diskBytesPerEntry),
      point.load.toFixed(1),
    ].join(' | '),
  );
  const head =
    'entries | submits/s | node CPU µs a submit | drained/s | node CPU µs a drained entry | start ms | memory MiB | disk bytes an entry | load';
  const text = `# Cost per message as a feed grows

Written by \`npm run bench -- growth --full\`: 1 KB bodies, ${CONNECTIONS} connections, one node, restarted at each size. CPU
times hold on a busy machine; rates fall with its load (last column), which other work on the same two cores makes.

| ${head} |
|${'---:|'.repeat(9)}
${rows.map((row) => `| ${row} |`).join('\n')}

![CPU per message](growth.svg)
`;
  await writeFile(join(reports, 'growth.md'), text);
  const at = (pick: (point: Point) => number): [number, number][] =>
    points.map((point) => [point.entries, pick(point)]);
  const svg = drawLines({ title: 'Node CPU per message, by the size of the feed', x: 'entries', y: 'microseconds' }, [
    { name: 'submit', points: at((point) => point.submitCpuMicros) },
    { name: 'drain', points: at((point) => point.drainCpuMicros) },
  ]);
  await writeFile(join(reports, 'growth.svg'), svg);
}
