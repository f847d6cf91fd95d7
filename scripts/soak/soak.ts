/** A soak: mail goes on, faults come, recovery is measured, and in the end everything is looked at. */
import { setTimeout as pause } from 'node:timers/promises';
import { SeededPrng } from '../../src/base/index.ts';
import { LIVE_CHECKS, scanDisks } from './checks.ts';
import { nameOf, type PlannedFault, planFaults } from './fault-plan.ts';
import { FAULTS } from './faults.ts';
import { BETWEEN_FAULTS_MS, IMAP_EVERY_MS, LATE_MS, MARK_EVERY_MS, QUIET_MS_MAX, RECOVERY_MS_MAX } from './limits.ts';
import { type LoggedError, loggedErrors } from './logs.ts';
import { Memory, type RoleMemory } from './memory.ts';
import { measureRecovery, type Recovery } from './recovery.ts';
import { everySoOften, Traffic } from './traffic.ts';
import { type People, World } from './world.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly faultEveryMs: number;
  /** At most so many faults; default: as many as there is time for. */
  readonly faults?: number;
  readonly kinds: readonly string[];
  readonly mailsPerSecond: number;
  readonly people: People;
  readonly signal: AbortSignal;
  /** What happens, as a line. */
  readonly say: (line: string) => void;
  /** How it stands, now and then. */
  readonly show: (state: SoakState) => void;
}

export interface SoakState {
  readonly leftMs: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly seen: number;
  readonly open: number;
  /** What has been on its way for remarkably long. */
  readonly late: string | undefined;
  readonly faults: number;
  readonly worst: { readonly kind: string; readonly ms: number } | undefined;
  readonly breaches: number;
}

export interface FaultDone {
  readonly planned: PlannedFault;
  /** From the strike until it was over. */
  readonly outageMs: number;
  readonly recovery: Recovery;
}

export interface SoakResult {
  readonly ranMs: number;
  readonly startedInMs: number;
  readonly faults: readonly FaultDone[];
  readonly checks: Readonly<Record<string, string>>;
  readonly breaches: readonly string[];
  readonly breachCount: number;
  readonly errors: readonly LoggedError[];
  readonly memory: readonly RoleMemory[];
  readonly counts: Readonly<Record<string, number>>;
  /** Why nothing was sent, and what became of comings and goings; by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** That JMAP programs heard. */
  readonly pushes: number;
  readonly changes: Readonly<Record<string, number>>;
  readonly processorMs: number;
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const openedAt = performance.now();
  options.say('the world opens …');
  await using world = await World.open(options.people, (what) => options.say(`BROKEN: ${what}`));
  const startedInMs = Math.round(performance.now() - openedAt);
  options.say(`the world is open after ${Math.round(startedInMs / 1000)} s`);
  return await new Soak(world, options, startedInMs).run();
}

class Soak {
  readonly #world: World;
  readonly #options: SoakOptions;
  readonly #startedInMs: number;
  readonly #startedAt = performance.now();
  readonly #faults: FaultDone[] = [];
  readonly #stopping = new AbortController();
  readonly #traffic: Traffic;
  readonly #memory: Memory;

  constructor(world: World, options: SoakOptions, startedInMs: number) {
    this.#world = world;
    this.#options = options;
    this.#startedInMs = startedInMs;
    this.#traffic = new Traffic({ ...world, prng: new SeededPrng(options.seed + 1) });
    this.#memory = new Memory(world);
  }

  async run(): Promise<SoakResult> {
    const ended = new AbortController();
    const following = this.#background(ended.signal);
    const traffic = this.#traffic.run(this.#options.mailsPerSecond, this.#stopping.signal);
    try {
      await this.#strikeOnAndOn();
    } finally {
      this.#stopping.abort();
    }
    const ranMs = Math.round(performance.now() - this.#startedAt);
    this.#options.say(`no more mail is written after ${Math.round(ranMs / 1000)} s; everything is looked at …`);
    await traffic;
    await this.#quiet();
    const checks = await this.#check();
    ended.abort();
    await following;
    const errors = loggedErrors(
      this.#world,
      this.#faults.map(({ planned }) => planned.kind),
    );
    const pushes = this.#world.sessions.reduce((sum, { counts }) => sum + counts.pushes, 0);
    await this.#world.stop();
    checks['nothing in the clear'] = scanDisks(this.#world);
    return { ...this.#result(ranMs, checks, errors), pushes };
  }

  /** What goes on beside the mail of the devices, and what watches. */
  async #background(signal: AbortSignal): Promise<void> {
    const { imap, sessions } = this.#world;
    const prng = new SeededPrng(this.#options.seed + 2);
    const writing = this.#stopping.signal;
    await Promise.all([
      this.#memory.watch(signal),
      everySoOften(1_000, signal, () => this.#options.show(this.#state())),
      ...sessions.map((session) => this.#guard(session.name, session.follow(signal))),
      this.#guard(
        'marks at the hub',
        everySoOften(MARK_EVERY_MS, writing, async () => {
          for (const session of sessions) void this.#guard(session.name, session.mark(prng));
        }),
      ),
      this.#guard(
        'IMAP',
        everySoOften(IMAP_EVERY_MS, writing, () => imap?.act(prng)),
      ),
    ]);
  }

  /** What may not fail and does is told, and the rest goes on. */
  async #guard(what: string, work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.#world.breaches.add(`${what}: ${String((error as Error).stack)}`));
  }

  async #strikeOnAndOn(): Promise<void> {
    const { faultEveryMs, faults = Number.POSITIVE_INFINITY, kinds, minutes, seed, signal } = this.#options;
    const until = this.#startedAt + minutes * 60_000;
    const plan = planFaults(seed, kinds);
    while (this.#faults.length < faults && !signal.aborted) {
      const next = this.#startedAt + (this.#faults.length + 1) * faultEveryMs;
      await this.#rest(Math.max(next - performance.now(), BETWEEN_FAULTS_MS));
      if (performance.now() >= until || signal.aborted) break;
      await this.#strike(plan.next().value);
    }
    if (faults === Number.POSITIVE_INFINITY) await this.#rest(until - performance.now());
  }

  async #strike(planned: PlannedFault): Promise<void> {
    const { breaches } = this.#world;
    const struckAt = performance.now();
    const fault = FAULTS[planned.kind];
    const heal = await fault?.strike(this.#world, planned).catch((error: unknown) => {
      breaches.add(`${planned.kind} could not strike: ${String((error as Error).stack)}`);
      return () => undefined;
    });
    if (heal === undefined) {
      this.#options.say(`${planned.number} ${nameOf(planned)}: there is nothing to strike`);
      return;
    }
    await pause(planned.holdMs);
    const healedAt = performance.now();
    const healing = this.#guard(`after ${planned.kind}`, Promise.resolve(heal()));
    const recovery = await measureRecovery(this.#world, healedAt, this.#options.signal);
    await healing;
    const done = { planned, outageMs: Math.round(healedAt - struckAt), recovery };
    this.#faults.push(done);
    for (const [probe, ms] of Object.entries(recovery))
      if (ms === undefined && !this.#options.signal.aborted)
        breaches.add(`${planned.number} ${nameOf(planned)}: ${probe} never came back`);
    await this.#revive();
    this.#options.say(`${planned.number} ${nameOf(planned)}: away ${seconds(done.outageMs)}, ${sentenceOf(recovery)}`);
  }

  /** Whoever died of itself is a finding, and is started again as a service manager would. */
  async #revive(): Promise<void> {
    const { breaches, homes } = this.#world;
    for (const [home, fleet] of Object.entries(homes))
      for (const { name, process } of fleet.running)
        if (process?.isRunning === false) {
          breaches.add(`node ${name} of the ${home} died of itself: ${process.log.slice(-1_000)}`);
          await fleet.start(name);
        }
  }

  /** Until all that was acknowledged is everywhere, or it takes too long. */
  async #quiet(): Promise<void> {
    const { book } = this.#world;
    const limit = performance.now() + QUIET_MS_MAX;
    while (book.openBefore(Number.POSITIVE_INFINITY).length > 0 && performance.now() < limit) await pause(200);
  }

  async #check(): Promise<Record<string, string>> {
    const said: Record<string, string> = {};
    for (const [name, check] of Object.entries(LIVE_CHECKS)) {
      const before = this.#world.breaches.count;
      said[name] = await check(this.#world).catch((error: unknown) => {
        this.#world.breaches.add(`${name} could not be checked: ${String((error as Error).stack)}`);
        return 'not checked';
      });
      this.#options.say(`${this.#world.breaches.count === before ? 'ok' : 'BROKEN'}: ${name} (${said[name]})`);
    }
    return said;
  }

  async #rest(ms: number): Promise<void> {
    if (ms <= 0) return;
    await pause(ms, undefined, { signal: this.#options.signal }).catch((error: unknown) => {
      if ((error as Error).name !== 'AbortError') throw error;
    });
  }

  #state(): SoakState {
    const { book, breaches } = this.#world;
    const worst = this.#faults
      .map(({ planned, recovery }) => ({
        kind: planned.kind,
        ms: Math.max(...Object.values(recovery).map((ms) => ms ?? RECOVERY_MS_MAX)),
      }))
      .sort((x, y) => y.ms - x.ms)[0];
    return {
      leftMs: Math.max(0, this.#startedAt + this.#options.minutes * 60_000 - performance.now()),
      ...{ sent: book.letters.size, ...book.counts, open: book.openBefore(Number.POSITIVE_INFINITY).length },
      late: this.#late(),
      ...{ faults: this.#faults.length, worst, breaches: breaches.count },
    };
  }

  #late(): string | undefined {
    const { book } = this.#world;
    const [letter] = book.openBefore(performance.now() - LATE_MS);
    if (letter === undefined) return undefined;
    const since = seconds(performance.now() - (letter.acknowledgedAt ?? 0));
    return `mail ${letter.number} of ${letter.author.split('@')[0]} for ${since} not at ${book.missingAt(letter).join(', ')}`;
  }

  #result(ranMs: number, checks: Record<string, string>, errors: readonly LoggedError[]): Omit<SoakResult, 'pushes'> {
    const { book, breaches, imap } = this.#world;
    const memory = this.#memory.report(breaches);
    breaches.none(
      'errors in logs that nobody can explain',
      errors.filter(({ because }) => because === undefined).map(({ message, who }) => `${who}: ${message}`),
    );
    const { system, user } = process.cpuUsage();
    return {
      ...{ ranMs, startedInMs: this.#startedInMs, faults: this.#faults, checks, errors, memory },
      ...{ breaches: breaches.list, breachCount: breaches.count },
      counts: {
        ...{ written: book.letters.size, ...book.counts },
        large: [...book.letters.values()].filter(({ large }) => large !== undefined).length,
        refused: [...book.letters.values()].filter(({ refusedBy }) => refusedBy.size > 0).length,
        ...{
          imapArrived: imap?.counts.arrived ?? 0,
          imapMarked: imap?.counts.marked ?? 0,
          imapFailed: imap?.counts.failed ?? 0,
        },
      },
      failures: Object.fromEntries(book.failures),
      changes: Object.fromEntries(this.#traffic.changes),
      processorMs: Math.round((system + user) / 1_000),
    };
  }
}

function sentenceOf(recovery: Recovery): string {
  return Object.entries(recovery)
    .map(([probe, ms]) => `${probe} ${ms === undefined ? 'never' : seconds(ms)}`)
    .join(', ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
