/**
 * `npm run bench -- [NAME…] [--full] [--profile FOLDER]`: prints one JSON line a bench, with the machine's load before and
 * after and its speed. Ratios are taken against a peer measured in the same run.
 * `growth [--entries N] [--people N] [--postgres]`: how far, whose, and where the rows are.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench, BenchOptions } from './bench-options.ts';
import { benchDrain } from './drain.ts';
import { benchFederation } from './federation.ts';
import { benchGrowth } from './growth.ts';
import { benchIdle } from './idle.ts';
import { benchImap } from './imap.ts';
import { benchJmap } from './jmap.ts';
import { verificationMicros } from './machine-speed.ts';
import { benchPage } from './page.ts';
import { benchRefill } from './refill.ts';
import { benchReplicate } from './replicate.ts';
import { benchSubmit } from './submit.ts';
import { benchVault } from './vault.ts';

const BENCHES: Record<string, Bench> = {
  submit: benchSubmit,
  drain: benchDrain,
  vault: benchVault,
  idle: benchIdle,
  growth: benchGrowth,
  federation: benchFederation,
  replicate: benchReplicate,
  refill: benchRefill,
  jmap: benchJmap,
  imap: benchImap,
  page: benchPage,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    profile: { type: 'string' },
    entries: { type: 'string' },
    people: { type: 'string', default: '10' },
    postgres: { type: 'boolean', default: false },
  },
});
if (values.help) {
  const flags = '[--full] [--profile FOLDER] [--entries N] [--people N] [--postgres]';
  process.stdout.write(`npm run bench -- [NAME…] ${flags}\n\nNames: ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(0);
}
const unknown = positionals.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0) throw new Error(`no bench ${unknown.join(', ')}: there is ${Object.keys(BENCHES).join(', ')}`);
const options: BenchOptions = {
  full: values.full,
  growth: {
    entries: values.entries === undefined ? undefined : Number(values.entries),
    people: Number(values.people),
    isPostgres: values.postgres,
  },
  execArgv: values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`],
};
for (const [name, bench] of Object.entries(BENCHES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const loadBefore = loadavg()[0] ?? 0;
  const result = await bench(options);
  const machine = { loadBefore, loadAfter: loadavg()[0] ?? 0, verifyCpuMicros: verificationMicros() };
  const figures = Object.entries({ ...result, ...machine }).map(([key, value]) => [
    key,
    typeof value === 'number' ? Number(value.toPrecision(4)) : value,
  ]);
  process.stdout.write(`${JSON.stringify({ bench: name, ...Object.fromEntries(figures) })}\n`);
}
