/**
 * The user server and Dovecot are killed at random while changes of a client wait to be done at the server: in the end both
 * agree, and nothing that was acknowledged is lost or there twice.
 */
import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { REFUSED_REST_MS, ROUND_INTERVAL_MS } from '../../src/hub/agents/imap/limits.ts';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { contentsOf, message, shownIn } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { runLength } from '../harness/length.ts';
import { until } from '../harness/until.ts';

const KILLS = runLength(6, 100);
const SEED = 3;
const FOLDERS = ['INBOX', 'A'];
const CHANGES = 4;
/** Turns of the event loop until the kill: from before the first step to after the last. */
const TURNS_MAX = 400;

/** A change that a dying server refused, or that was lost again and again, rests so long, until the look after that. */
const REST_MS = REFUSED_REST_MS + 2 * ROUND_INTERVAL_MS;

/** What waits becomes less and less: a hundred kills leave more of it than one wait is for. */
async function drained(world: ImapWorld): Promise<void> {
  const count = (): number => world.account.pending(Number.MAX_SAFE_INTEGER).length;
  for (let left = count(); left > 0; left = count()) await until(() => count() < left, REST_MS);
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('killing in a sync of IMAP accounts'))(
  'an IMAP account with changes pending',
  () => {
    test(`loses nothing when its user server or Dovecot is killed (${KILLS} kills, seed ${SEED})`, async () => {
      await using dovecot = await Dovecot.open();
      await using world = await ImapWorld.open(dovecot, { user: 'alice' });
      const prng = new SeededPrng(SEED);
      const before = await world.other();
      await before.mailboxCreate('A');
      for (let index = 0; index < 20; index++) await before.append('INBOX', message(`there${index}`));
      await before.logout();
      await world.settled();
      const flagged = new Set<string>();
      for (let kill = 0; kill < KILLS; kill++) {
        for (let change = 0; change < CHANGES; change++) await world.draft('A', `kill${kill}-${change}`);
        const ids = [...world.account.emailIds()];
        const id = ids[prng.below(ids.length)] as string;
        await world.call(['Email/set', { update: { [id]: { 'keywords/$flagged': true } } }]);
        flagged.add(world.account.email(id)?.envelope.subject ?? '');
        // The moment of the kill is counted in turns of the event loop, in which the agent goes on: no wait for anything.
        for (let turn = prng.below(TURNS_MAX); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
        if (prng.below(2) === 0) await dovecot.killAndStart();
        else {
          await world.kill();
          await world.start();
        }
        await until(() => world.accounts.status[0]?.server?.connection === 'connected');
      }
      await drained(world);
      await world.settled();
      const other = await world.other();
      const there = await contentsOf(other);
      await other.logout();
      expect(shownIn(world, FOLDERS)).toEqual({ INBOX: there.INBOX, A: there.A });
      const subjects = Object.values(there).flat();
      const bare = subjects.map((line) => line.split(' ')[0]).sort();
      const made = Array.from({ length: KILLS * CHANGES }, (_, n) => `kill${Math.floor(n / CHANGES)}-${n % CHANGES}`);
      expect(bare).toEqual([...made, ...Array.from({ length: 20 }, (_, n) => `there${n}`)].sort());
      const shown = subjects.filter((line) => line.includes('\\Flagged')).map((line) => line.split(' ')[0]);
      expect(new Set(shown)).toEqual(flagged);
    });
  },
);
