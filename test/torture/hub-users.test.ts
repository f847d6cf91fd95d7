/**
 * Many people on one host. Each has a user server of their own while somebody is at their mail, and none afterwards; all come
 * at once, and whoever is at work is still answered. What a user server takes, and how soon a stopped one shows the first
 * screen, is printed: the figures of one full run are in docs/reports/hub-user-server.md.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HubHome, type HubProgram, residentBytes } from '../harness/hub-home.ts';
import { runLength } from '../harness/length.ts';

const PEOPLE = runLength(3, 200);
const MAILS_EACH = runLength(3, 20);
/** Of the one whose user server is measured. */
const MAILS_OF_RICH = runLength(60, 10_000);
const COLD_STARTS = runLength(2, 40);
const AT_ONCE = runLength(2, 100);
const IDLE_MS = 2_000;
/** Of the command line: each is a process. */
const COMMANDS_AT_ONCE = 3;
const FIRST_SCREEN = 50;
const MAIL_BYTES = 2_000;
/** After the first screen its agent connects, and garbage is collected. */
const SETTLE_MS = runLength(1_000, 10_000);
const LOOK_MS = 20;
const QUIET_CALLS = 100;

test(`${PEOPLE} people on one host: idle ones cost nothing, ${AT_ONCE} come at once, and one with ${MAILS_OF_RICH} mails is told by figures`, async () => {
  await using setting = await HubHome.open({ idleTimeoutMs: IDLE_MS });
  const writer = await setting.person('writer');
  const rich = await setting.person('rich');
  const names = Array.from({ length: PEOPLE - 1 }, (_, i) => `person${i}`);
  const people = await inTurns(names, (name) => setting.person(name));
  const few = await mailFolder(MAILS_EACH);
  const many = await mailFolder(MAILS_OF_RICH);
  try {
    await inTurns(people, (address) => setting.as(writer, 'import', few, '--to', address));
    await setting.as(writer, 'import', many, '--to', rich);

    // Everybody's mail is fetched once; then nobody is at it any more.
    await inTurns(people, (address) => fetchAll(setting, address, MAILS_EACH));
    const fetchedIn = await timed(() => fetchAll(setting, rich, MAILS_OF_RICH));
    await untilAllStopped(setting);

    const starts: number[] = [];
    const resident: number[] = [];
    for (let start = 0; start < COLD_STARTS; start++) {
      const openedAt = performance.now();
      const program = await setting.session(rich);
      expect(await program.subjects(FIRST_SCREEN)).toHaveLength(Math.min(FIRST_SCREEN, MAILS_OF_RICH));
      starts.push(performance.now() - openedAt);
      await pause(SETTLE_MS);
      resident.push(await residentBytes(await setting.pidOf(rich)));
      program[Symbol.dispose]();
      await untilAllStopped(setting);
    }

    const steady = await setting.session(rich);
    const before = await latencies(steady, (calls) => calls >= QUIET_CALLS);
    const crowd = people.slice(0, AT_ONCE);
    let isIn = false;
    const coming = timed(() =>
      Promise.all(
        crowd.map(async (address) => {
          const program = await setting.session(address);
          expect(await program.subjects()).toHaveLength(MAILS_EACH);
          return program;
        }),
      ).then((programs) => {
        isIn = true;
        return programs;
      }),
    );
    const meanwhile = await latencies(steady, () => isIn);
    const { took, result: programs } = await coming;
    expect((await setting.hub.control.operator.status()).users).toHaveLength(crowd.length + 1);
    for (const program of [...programs, steady]) program[Symbol.dispose]();
    await untilAllStopped(setting);

    console.log(
      `${PEOPLE} people; ${MAILS_OF_RICH} mails of one: fetched for the first time in ${seconds(fetchedIn.took)}; ` +
        `resident ${figures(resident, (bytes) => `${Math.round(bytes / 1e6)} MB`)}; ` +
        `cold start to ${FIRST_SCREEN} subjects ${figures(starts, milliseconds)}`,
    );
    console.log(
      `${crowd.length} at once: all there in ${seconds(took)}; meanwhile one at work was answered in ` +
        `${figures(meanwhile, milliseconds)}; before in ${figures(before, milliseconds)}`,
    );
  } finally {
    await Promise.all([few, many].map((folder) => rm(folder, { recursive: true })));
  }
});

/** Until nobody has a process. */
async function untilAllStopped(setting: HubHome): Promise<void> {
  while ((await setting.hub.control.operator.status()).users.length > 0) await pause(LOOK_MS);
}

async function fetchAll(setting: HubHome, address: string, count: number): Promise<void> {
  using program = await setting.session(address);
  await program.until(async () => {
    const [answer] = await program.call(['Email/query', { calculateTotal: true, limit: 1 }]);
    return answer?.total === count;
  });
}

/** Of one request for the first screen after the other, in milliseconds. */
async function latencies(program: HubProgram, isEnough: (calls: number) => boolean): Promise<number[]> {
  const took: number[] = [];
  while (!isEnough(took.length)) {
    took.push((await timed(() => program.subjects(FIRST_SCREEN))).took);
    await pause(LOOK_MS);
  }
  return took;
}

async function mailFolder(count: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'restante-mails-'));
  for (let i = 0; i < count; i++) {
    const text = `line ${i} of a letter that says little\n`.repeat(MAIL_BYTES / 40);
    await writeFile(join(folder, `${i}.eml`), `From: somebody@example.org\nSubject: letter ${i}\n\n${text}`);
  }
  return folder;
}

/** Some of them at a time. */
async function inTurns<Item, Result>(items: readonly Item[], act: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as Item);
  };
  await Promise.all(Array.from({ length: COMMANDS_AT_ONCE }, work));
  return results;
}

async function timed<Result>(act: () => Promise<Result>): Promise<{ took: number; result: Result }> {
  const startedAt = performance.now();
  const result = await act();
  return { took: performance.now() - startedAt, result };
}

function figures(values: readonly number[], show: (value: number) => string): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): string => show(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}`;
}

function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}

function seconds(value: number): string {
  return `${(value / 1_000).toFixed(1)} s`;
}
