/**
 * Cost per message while a feed grows: at each size the rate of submits, how long one takes, the rate of draining, the time to
 * start, memory and disk. Writes docs/reports/growth.md and growth.svg; on PostgreSQL, or with another number of people,
 * reports of their own. The short form ends at 100 000 entries, the full one at a million; `--entries` says another end.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Person } from '../test/harness/person.ts';
import { Postgres } from '../test/harness/postgres.ts';
import type { BenchOptions, BenchResult, GrowthOptions } from './bench-options.ts';
import { drainLatest } from './drain-load.ts';
import { folderBytes } from './folder-bytes.ts';
import { drawLines } from './line-plot.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';

const SIZES = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
const SHORT_ENTRIES = 100_000;
const FULL_ENTRIES = 1_000_000;
/** Of whom no number is said. */
const PEOPLE = 10;
const BODY_BYTES = 1024;
/** The slice before each size that is measured, and the unit in which the rest is made. */
const SLICE = 5_000;
/** Entries drained at each size, of all mailboxes together: the same work everywhere. */
const DRAINED = 10_000;
const SINGLE_SUBMITS = 200;

interface Point {
  readonly entries: number;
  readonly submitsPerSecond: number;
  readonly submitCpuMicros: number;
  readonly submitMsP50: number;
  readonly submitMsP99: number;
  readonly drainedPerSecond: number;
  readonly drainCpuMicros: number;
  readonly startMs: number;
  readonly rssMib: number;
  readonly diskBytesPerEntry: number;
  readonly load: number;
}

/** Where a feed grows. */
interface Place {
  readonly folder: string;
  readonly database: string | undefined;
  /** Folders that have what is kept. */
  readonly disks: readonly string[];
}

export async function benchGrowth({ full, growth }: BenchOptions): Promise<BenchResult> {
  await using postgres = growth.isPostgres ? await Postgres.open() : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'restante-growth-'));
  const disks = postgres === undefined ? [folder] : [folder, postgres.folder];
  const place: Place = { folder, database: postgres?.url, disks };
  const end = growth.entries ?? (full ? FULL_ENTRIES : SHORT_ENTRIES);
  const points: Point[] = [];
  try {
    let people: readonly Person[] | undefined;
    let entries = 0;
    for (const size of SIZES.filter((size) => size <= end)) {
      people = await grow(place, people ?? growth.people, entries, size - SLICE);
      points.push(await measure(place, people, size));
      entries = size;
      await writeReport(points, growth);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new Error(`the first size is ${SIZES[0]}`);
  return {
    entries: last.entries,
    submitCpuGrowth: last.submitCpuMicros / first.submitCpuMicros,
    drainCpuGrowth: last.drainCpuMicros / first.drainCpuMicros,
    submitMsP50: last.submitMsP50,
    startMs: last.startMs,
    rssMib: last.rssMib,
    diskBytesPerEntry: last.diskBytesPerEntry,
  };
}

/** Unmeasured, up to `to` entries, of people or of so many new ones. */
async function grow(
  { database, folder }: Place,
  people: readonly Person[] | number,
  from: number,
  to: number,
): Promise<readonly Person[]> {
  await using node = await NodeProcess.open({ folder, ...(database === undefined ? {} : { database }) });
  using load = await (typeof people === 'number' ? Load.open(node, people) : Load.open(node, people.length, people));
  for (let entries = from; entries < to; entries += SLICE) {
    await load.submit(node, load.prepare(Math.min(SLICE, to - entries), BODY_BYTES));
    tell(Math.min(to, entries + SLICE), to);
  }
  return load.people;
}

/** To whoever watches: ten million take an hour. In a file it is a line for each hundredth. */
function tell(entries: number, to: number): void {
  const hundredth = (count: number): number => Math.floor((100 * count) / to);
  const { isTTY } = process.stderr;
  if (!isTTY && hundredth(entries) === hundredth(entries - SLICE)) return;
  process.stderr.write(`${isTTY ? '\r' : ''}growth: ${entries} of ${to} entries${isTTY && entries < to ? '' : '\n'}`);
}

async function measure(place: Place, people: readonly Person[], size: number): Promise<Point> {
  const { database, disks, folder } = place;
  const startedAt = performance.now();
  await using node = await NodeProcess.open({ folder, ...(database === undefined ? {} : { database }) });
  const startMs = performance.now() - startedAt;
  using load = await Load.open(node, people.length, people);
  // Warms the node up to what it is while it runs; the slice after it is the one that counts.
  await load.submit(node, load.prepare(SLICE / 2, BODY_BYTES));
  const submitted = await load.submit(node, load.prepare(SLICE / 2, BODY_BYTES));
  const single = await load.latencies(load.prepare(Math.max(SINGLE_SUBMITS, people.length), BODY_BYTES));
  const drained = await drainLatest(node, people, Math.ceil(DRAINED / people.length));
  const { rss } = await node.usage();
  const bytes = await Promise.all(disks.map((disk) => folderBytes(disk)));
  return {
    entries: size,
    submitsPerSecond: submitted.perSecond,
    submitCpuMicros: submitted.nodeCpuMicros,
    submitMsP50: single[Math.floor(single.length * 0.5)] ?? 0,
    submitMsP99: single[Math.floor(single.length * 0.99)] ?? 0,
    drainedPerSecond: drained.perSecond,
    drainCpuMicros: drained.nodeCpuMicros,
    startMs,
    rssMib: rss / 2 ** 20,
    diskBytesPerEntry: bytes.reduce((sum, part) => sum + part, 0) / size,
    load: loadavg()[0] ?? 0,
  };
}

const COLUMNS: readonly (readonly [head: string, of: (point: Point) => string | number])[] = [
  ['entries', ({ entries }) => entries],
  ['submits/s', (point) => Math.round(point.submitsPerSecond)],
  ['node CPU µs a submit', (point) => Math.round(point.submitCpuMicros)],
  ['one submit ms p50', (point) => point.submitMsP50.toFixed(1)],
  ['p99', (point) => point.submitMsP99.toFixed(1)],
  ['drained/s', (point) => Math.round(point.drainedPerSecond)],
  ['node CPU µs a drained entry', (point) => point.drainCpuMicros.toFixed(1)],
  ['start ms', (point) => Math.round(point.startMs)],
  ['memory MiB', (point) => Math.round(point.rssMib)],
  ['disk bytes an entry', (point) => Math.round(point.diskBytesPerEntry)],
  ['load', (point) => point.load.toFixed(1)],
];

async function writeReport(points: readonly Point[], { isPostgres, people }: GrowthOptions): Promise<void> {
  const reports = fileURLToPath(new URL('../../docs/reports/', import.meta.url));
  const name = ['growth', ...(isPostgres ? ['postgres'] : []), ...(people === PEOPLE ? [] : [`${people}-people`])].join(
    '-',
  );
  const command = [
    `npm run bench -- growth --entries ${points.at(-1)?.entries ?? 0}`,
    ...(people === PEOPLE ? [] : [`--people ${people}`]),
    ...(isPostgres ? ['--postgres'] : []),
  ].join(' ');
  const rows = points.map((point) => `| ${COLUMNS.map(([, of]) => of(point)).join(' | ')} |`);
  const text = `# Cost per message as a feed grows${isPostgres ? ', on PostgreSQL' : ''}

Written by \`${command}\`: bodies of 1 KB, ${people === 1 ? 'one person on one connection' : `${people} people and as many connections`}, one node, restarted at each size.
${isPostgres ? 'Disk and latency are with the database, CPU and memory without. ' : ''}CPU times hold on a busy machine; rates and times fall with its load (last column), which other work on the same
two cores makes. What is submitted is signed before the clock starts; the generator shares the cores with the node.

| ${COLUMNS.map(([head]) => head).join(' | ')} |
|${'---:|'.repeat(COLUMNS.length)}
${rows.join('\n')}

![CPU per message](${name}.svg)
`;
  await writeFile(join(reports, `${name}.md`), text);
  const at = (pick: (point: Point) => number): [number, number][] =>
    points.map((point) => [point.entries, pick(point)]);
  const svg = drawLines({ title: 'Node CPU per message, by the size of the feed', x: 'entries', y: 'microseconds' }, [
    { name: 'submit', points: at((point) => point.submitCpuMicros) },
    { name: 'drain', points: at((point) => point.drainCpuMicros) },
  ]);
  await writeFile(join(reports, `${name}.svg`), svg);
}
