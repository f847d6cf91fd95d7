/**
 * Three hub hosts on one broker while hosts are killed and drained, and the broker is cut off and killed: each user has one
 * user server, no note that was acknowledged is lost, and every session opens itself again.
 */
import { setMaxListeners } from 'node:events';
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { connect, type HubRequest, type HubSession } from '../../src/hub-client/index.ts';
import type { Json } from '../../src/protocol/index.ts';
import { CutProxy } from '../harness/cut-proxy.ts';
import { isAlive } from '../harness/daemon.ts';
import { asNotes, type Notes, PASSWORD } from '../harness/hub.ts';
import { HubHosts } from '../harness/hub-hosts.ts';
import { runLength } from '../harness/length.ts';
import { Rabbit, skipsWithoutRabbit } from '../harness/rabbitmq.ts';

const USERS = runLength(4, 200);
const SESSIONS = runLength(6, 300);
const ROUNDS = runLength(4, 30);
const NAMES = ['a', 'b', 'c'] as const;
const SEED = 7;
/** Each opening asks Argon2id, and starts a process: more at once only wait for each other. */
const OPENED_AT_ONCE = 4;
const signal = new AbortController().signal;
setMaxListeners(0, signal); // all sessions ask at once
const call = (...methodCall: [string] | [string, Json]): HubRequest => ({ using: [], methodCalls: [methodCall] });

/** Asks until there is an answer: what was cut may have been done, so only what may be done twice. */
async function list(session: HubSession): Promise<Notes> {
  for (;;)
    try {
      return asNotes(await session.request(call('list'), signal));
    } catch (error) {
      if ((error as { code?: string }).code !== 'cut') throw error;
    }
}

/** Those that a user server has said to have written. */
class Acknowledged {
  readonly #notes = new Map<string, Set<string>>();

  async add(session: HubSession, note: string): Promise<void> {
    try {
      await session.request(call('add', note), signal);
    } catch (error) {
      if ((error as { code?: string }).code !== 'cut') throw error;
      return; // nothing is known of it
    }
    this.#notes.set(session.user, (this.#notes.get(session.user) ?? new Set()).add(note));
  }

  missingIn(user: string, notes: readonly string[]): string[] {
    return [...(this.#notes.get(user) ?? [])].filter((note) => !notes.includes(note));
  }

  get count(): number {
    return [...this.#notes.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

// RabbitMQ is a program of the machine, which skipsWithoutRabbit tells when it is missing; with CI=true that is a failure.
test.skipIf(skipsWithoutRabbit('hub hosts, killed, drained and cut off'))(
  `${USERS} users on ${NAMES.length} hosts through ${ROUNDS} rounds of faults (${SESSIONS} sessions, seed ${SEED})`,
  async () => {
    await using rabbit = await Rabbit.open();
    await using wire = await CutProxy.open(rabbit.port);
    const amqp = rabbit.url.replace(`:${rabbit.port}`, `:${wire.port}`);
    await using hosts = await HubHosts.open(amqp, NAMES);
    const prng = new SeededPrng(SEED);
    const anyHost = (): (typeof NAMES)[number] => NAMES[prng.below(NAMES.length)] as (typeof NAMES)[number];
    const away: number[] = [];
    const open = async (index: number): Promise<HubSession> => {
      const target = prng.below(2) === 0 ? { amqp } : { host: '127.0.0.1', port: hosts.of(anyHost()).port };
      const session = await connect(target).open({ user: `user${index % USERS}@home.example`, password: PASSWORD });
      let since = 0;
      session.on('cut', () => {
        since = performance.now();
      });
      session.on('opened', () => away.push(performance.now() - since));
      return session;
    };
    const sessions: HubSession[] = [];
    for (let index = 0; index < SESSIONS; index += OPENED_AT_ONCE) {
      const many = Math.min(OPENED_AT_ONCE, SESSIONS - index);
      sessions.push(...(await Promise.all(Array.from({ length: many }, (_, more) => open(index + more)))));
    }
    const faults: Readonly<Record<string, () => Promise<void>>> = {
      'a host is killed': async () => {
        const name = anyHost();
        await hosts.kill(name);
        await hosts.start(name);
      },
      'the broker’s connections are cut': async () => {
        wire.cut();
        wire.mend();
      },
      'a host is drained': async () => {
        const name = anyHost();
        await (await hosts.operator(name)).drain();
        await hosts.stop(name);
        await hosts.start(name);
      },
      'the broker is killed': async () => {
        await rabbit.kill();
        await rabbit.start();
      },
    };
    const acknowledged = new Acknowledged();
    for (let round = 0; round < ROUNDS; round++) {
      const [name, strike] = Object.entries(faults)[round % 4] as [string, () => Promise<void>];
      const cutsBefore = away.length;
      const startedAt = performance.now();
      const adding = sessions.map((session, index) => acknowledged.add(session, `round ${round} of session ${index}`));
      await Promise.all([...adding, strike()]);
      const servers = new Map<string, Set<number>>();
      const all = await Promise.all(sessions.map(list));
      for (const [index, { notes, pid }] of all.entries()) {
        const { user } = sessions[index] as HubSession;
        servers.set(user, (servers.get(user) ?? new Set()).add(pid));
        expect([name, acknowledged.missingIn(user, notes)]).toEqual([name, []]);
      }
      // One may have ended between two answers, and the next begun: those that live now are there at once.
      const several = [...servers]
        .map(([user, pids]) => ({ user, living: [...pids].filter(isAlive) }))
        .filter(({ living }) => living.length > 1);
      const followed = [...servers.values()].filter((pids) => pids.size > 1).length;
      expect([name, several]).toEqual([name, []]);
      const tookMs = Math.round(performance.now() - startedAt);
      console.info(
        `round ${round + 1}: ${name}, ${away.length - cutsBefore} sessions opened again, ${followed} users’ servers ended meanwhile, ${tookMs} ms`,
      );
    }
    away.sort((x, y) => x - y);
    const at = (share: number): number => Math.round(away[Math.floor((away.length - 1) * share)] ?? 0);
    console.info(`${acknowledged.count} notes acknowledged, none lost; ${away.length} cuts`);
    console.info(`time without service: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
    expect(away.length).toBeGreaterThan(0);
    expect(sessions.every(({ isConnected }) => isConnected)).toBe(true);
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  },
);
