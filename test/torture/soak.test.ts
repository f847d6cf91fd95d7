/**
 * The world of `npm run soak` for a minute: two homes, two hub hosts, RabbitMQ, PostgreSQL, Dovecot and people, some faults, and
 * everything that a soak looks at in the end. The hour is a run of its own (docs/reports/soak.md).
 */
import { expect, test } from 'vitest';
import { planFaults } from '../../scripts/soak/fault-plan.ts';
import { FAULTS } from '../../scripts/soak/faults.ts';
import { reportOf } from '../../scripts/soak/report.ts';
import { soak } from '../../scripts/soak/soak.ts';
import { EVERYBODY, FEW } from '../../scripts/soak/world.ts';
import { skipsWithoutDovecot } from '../harness/dovecot.ts';
import { isFullLength, runLength } from '../harness/length.ts';
import { skipsWithoutPostgres } from '../harness/postgres.ts';
import { skipsWithoutRabbit } from '../harness/rabbitmq.ts';

const SEED = 7;
const MINUTES = runLength(5, 60);
const COUNT = runLength(3, 70);
const FAULT_EVERY_MS = runLength(1_000, 50_000);
/** In the short form those that are over soonest; each part of the world has one. */
const KINDS = isFullLength ? Object.keys(FAULTS) : ['node-kill', 'user-server-kill', 'postgres-kill'];
const NAME = 'a soak';
const lacks = [skipsWithoutRabbit(NAME), skipsWithoutPostgres(NAME), skipsWithoutDovecot(NAME)];

// Programs of the machine: skipsWithout… tells which is missing; with CI=true that is a failure.
test.skipIf(lacks.includes(true))(
  `${COUNT} faults under steady mail: nothing lost, nothing twice, nothing in the clear (seed ${SEED})`,
  // Its own end speaks first, which says what was still awaited.
  { timeout: (MINUTES + 5) * 60_000 },
  async () => {
    const said: string[] = [];
    const result = await soak({
      ...{ seed: SEED, minutes: MINUTES, faults: COUNT, faultEveryMs: FAULT_EVERY_MS, kinds: KINDS },
      ...{ mailsPerSecond: 2.5, people: isFullLength ? EVERYBODY : FEW, signal: new AbortController().signal },
      say: (line) => said.push(line),
      show: () => undefined,
    });
    console.log(reportOf({ ...result, seed: SEED, commit: 'as it is here' }));
    expect(result.breaches, said.join('\n')).toEqual([]);
    expect(result.faults).toHaveLength(COUNT);
    expect(result.counts.acknowledged).toBeGreaterThan(10);
    expect(result.pushes).toBeGreaterThan(0);
  },
);

test('a seed says which faults come, and each kind comes once before any comes again', () => {
  const kinds = Object.keys(FAULTS);
  const first = (seed: number) => {
    const plan = planFaults(seed, kinds);
    return Array.from({ length: 3 * kinds.length }, () => plan.next().value);
  };
  expect(first(SEED)).toEqual(first(SEED));
  expect(first(SEED)).not.toEqual(first(SEED + 1));
  for (const round of [0, 1, 2]) {
    const these = first(SEED).slice(round * kinds.length, (round + 1) * kinds.length);
    expect(these.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
  }
});
