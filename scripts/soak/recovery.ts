/** How long after a fault the world is itself again: what people and operators would look at, each measured by itself. */
import { setTimeout as pause } from 'node:timers/promises';
import { PROBE_PAUSE_MS, PROBE_TRY_MS, RECOVERY_MS_MAX } from './limits.ts';
import type { HomeName } from './places.ts';
import { caughtUp, within } from './prober.ts';
import type { World } from './world.ts';

export const PROBES = Object.freeze({
  serves: 'every node of both homes takes mail, and has it on as many disks as asked for',
  complete: 'every node has of every feed what any had at that moment',
  arrives: 'all mail that was acknowledged until then is at all devices of all its readers',
  sessions: 'every session at the hub answers',
  imap: 'a mail that comes to the IMAP server is shown at the hub',
});
export type ProbeName = keyof typeof PROBES;

/** Milliseconds; undefined: it did not come about. */
export type Recovery = Readonly<Record<ProbeName, number | undefined>>;

/** Measures from `since`, which has just been. Each probe rejects nothing: who does not answer is asked again. */
export async function measureRecovery(world: World, since: number, signal: AbortSignal): Promise<Recovery> {
  const names = Object.keys(PROBES) as ProbeName[];
  const took = await Promise.all(
    names.map(async (name) => {
      const looks = LOOKS[name](world, since);
      while (performance.now() - since < RECOVERY_MS_MAX && !signal.aborted) {
        if (await holds(looks)) return Math.round(performance.now() - since);
        await pause(PROBE_PAUSE_MS);
      }
      return undefined;
    }),
  );
  return Object.fromEntries(names.map((name, at) => [name, took[at]])) as Recovery;
}

/** Who is away or stands still refuses, breaks off or says nothing: it does not hold yet. */
function holds(look: () => Promise<boolean>): Promise<boolean> {
  return within(2 * PROBE_TRY_MS, look).catch(() => false);
}

/** Before a disk is taken away: what was accepted while the other node was not there is on it as well. Throws when it never is. */
export async function copied({ probers }: World, home: HomeName): Promise<void> {
  const look = caughtUp([probers.get(home) ?? []].flat());
  for (const limit = performance.now() + RECOVERY_MS_MAX; !(await holds(look)); await pause(PROBE_PAUSE_MS))
    if (performance.now() > limit) throw new Error(`the nodes of the ${home} do not become equal`);
}

type Look = (world: World, since: number) => () => Promise<boolean>;

const LOOKS: Readonly<Record<ProbeName, Look>> = {
  serves: ({ probers }) => {
    const waiting = new Set(
      [...probers.values()].flatMap((prober) => [...prober.fleet.nodes.keys()].map((node) => ({ prober, node }))),
    );
    return async () => {
      for (const one of waiting) if (await one.prober.serves(one.node)) waiting.delete(one);
      return waiting.size === 0;
    };
  },
  complete: ({ probers }) => caughtUp([...probers.values()]),
  arrives:
    ({ book }, since) =>
    async () =>
      book.openBefore(since).length === 0,
  sessions: ({ sessions }) => {
    const waiting = new Set(sessions);
    return async () => {
      for (const session of waiting) {
        const signal = AbortSignal.timeout(PROBE_TRY_MS);
        await session.call('Mailbox/get', { ids: [] }, 'encrypted', signal);
        waiting.delete(session);
      }
      return true;
    };
  },
  imap: ({ imap }) => {
    let subject: string | undefined;
    return async () => {
      if (imap === undefined) return true;
      subject ??= await imap.arrive();
      return imap.shows(subject);
    };
  },
};
