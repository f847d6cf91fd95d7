/**
 * Both sides of an IMAP account change at random, connected or cut off, and killed: in the end the store and the server agree
 * on every folder and flag, and no message is lost or there twice.
 */
import type { ImapFlow } from 'imapflow';
import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { contentsOf, message, shownIn } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { runLength } from '../harness/length.ts';

const FOLDERS = ['INBOX', 'A', 'B'];
const KEYWORDS = ['$flagged', '$seen', 'x', 'y'];
const MESSAGES = 6;
const STEPS = 14;

type Choose = <Item>(items: readonly Item[]) => Item;

/** What was done with messages, by subject. */
class Deeds {
  #count = 0;
  readonly made = new Set<string>();
  readonly deleted = new Set<string>();
  /** Each may leave one message more: both sides may move the same message, each elsewhere. */
  readonly copies = new Map<string, number>();

  next(): string {
    const subject = `m${this.#count++}`;
    this.made.add(subject);
    return subject;
  }

  copied(subject: string): void {
    this.copies.set(subject, (this.copies.get(subject) ?? 0) + 1);
  }
}

/** One change by another program, on its own connection. */
async function changeThere(other: ImapFlow, choose: Choose, deeds: Deeds): Promise<void> {
  await other.mailboxOpen(choose(FOLDERS));
  const uids = await other.search({ all: true }, { uid: true });
  const action = choose(['append', 'flag', 'unflag', 'move', 'delete'] as const);
  if (action === 'append' || !Array.isArray(uids) || uids.length === 0) {
    await other.append(choose(FOLDERS), message(deeds.next()));
    return;
  }
  const uid = `${choose(uids)}`;
  const found = await other.fetchOne(uid, { envelope: true }, { uid: true });
  const subject = found === false || found === undefined ? '' : (found.envelope?.subject ?? '');
  if (action === 'delete') deeds.deleted.add(subject);
  const flag = choose(['\\Flagged', '\\Seen', 'x', 'y']);
  if (action === 'flag') await other.messageFlagsAdd(uid, [flag], { uid: true });
  if (action === 'unflag') await other.messageFlagsRemove(uid, [flag], { uid: true });
  if (action === 'move') await other.messageMove(uid, choose(FOLDERS), { uid: true });
  if (action === 'delete') await other.messageDelete(uid, { uid: true });
}

/** One change by a client. */
async function changeHere(world: ImapWorld, choose: Choose, deeds: Deeds): Promise<void> {
  const mailboxes = FOLDERS.map((name) => world.mailboxNamed(name === 'INBOX' ? 'Inbox' : name));
  const ids = [...world.account.emailIds()];
  const action = choose(['create', 'flag', 'unflag', 'move', 'copy', 'delete'] as const);
  const mailbox = choose(mailboxes);
  if (action === 'create' || ids.length === 0) {
    const draft = {
      mailboxIds: { [mailbox]: true },
      subject: deeds.next(),
      from: [{ email: 'alice@example.org' }],
      textBody: [{ partId: '1', type: 'text/plain' }],
      bodyValues: { '1': { value: 'made here' } },
    };
    await world.call(['Email/set', { create: { draft } }]);
    return;
  }
  const id = choose(ids);
  const subject = world.account.email(id)?.envelope.subject ?? '';
  if (action === 'delete') deeds.deleted.add(subject);
  if (action === 'move' || action === 'copy') deeds.copied(subject);
  const keyword = `keywords/${choose(KEYWORDS)}`;
  const update = {
    flag: { [keyword]: true },
    unflag: { [keyword]: null },
    move: { mailboxIds: { [mailbox]: true } },
    copy: { [`mailboxIds/${mailbox}`]: true },
  };
  if (action === 'delete') await world.call(['Email/set', { destroy: [id] }]);
  else await world.call(['Email/set', { update: { [id]: update[action] } }]);
}

async function run(dovecot: Dovecot, seed: number): Promise<void> {
  const prng = new SeededPrng(seed);
  const choose: Choose = (items) => items[prng.below(items.length)] as (typeof items)[number];
  await using world = await ImapWorld.open(dovecot, { user: `seed${seed}` });
  const other = await world.other();
  const deeds = new Deeds();
  for (const name of FOLDERS.slice(1)) await other.mailboxCreate(name);
  for (let index = 0; index < MESSAGES; index++) await other.append(choose(FOLDERS), message(deeds.next()));
  await world.settled();
  for (let step = 0; step < STEPS; step++) {
    const action = prng.next();
    if (action < 0.45) await changeHere(world, choose, deeds);
    else if (action < 0.85) await changeThere(other, choose, deeds);
    else if (action < 0.92) world.crashAgent();
    else {
      await world.kill();
      await world.start();
    }
  }
  await world.settled();
  const there = await contentsOf(other);
  expect(shownIn(world, FOLDERS), `seed ${seed}`).toEqual(there);
  const subjects = Object.values(there).flatMap((lines) => lines.map((line) => line.split(' ')[0]));
  for (const subject of deeds.made) {
    const count = subjects.filter((shown) => shown === subject).length;
    const label = `seed ${seed}: ${subject} is there ${count} times`;
    if (!deeds.deleted.has(subject)) expect(count, label).toBeGreaterThanOrEqual(1);
    expect(count, label).toBeLessThanOrEqual(1 + (deeds.copies.get(subject) ?? 0));
  }
  await other.logout();
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('convergence of IMAP accounts'))('both sides of an IMAP account', () => {
  test('converge, whatever both change and whoever is killed meanwhile', async () => {
    await using dovecot = await Dovecot.open();
    const runs = runLength(50, 1_000);
    for (let seed = 1; seed <= runs; seed++) await run(dovecot, seed);
  });
});
