/** Draining mailboxes: a client that only counts, and the asking for entries. */
import { invariant } from '../src/base/index.ts';
import type { Person } from '../test/harness/person.ts';
import type { WireClient } from '../test/harness/wire-client.ts';
import type { NodeProcess } from './node-process.ts';
import { signIn } from './people.ts';

export interface DrainRate {
  readonly perSecond: number;
  /** Of all threads of the node, microseconds an entry. */
  readonly nodeCpuMicros: number;
  readonly mainThreadMicros: number;
  /** Of the draining process, all its threads. */
  readonly ownCpuMicros: number;
}

export interface Mailbox {
  readonly feed: Uint8Array;
  /** Entries. */
  readonly number: number;
}

/** The mailbox of whoever signed in, in the node's feed. */
export async function mailboxOf(client: WireClient): Promise<Mailbox> {
  const answer = await client.ask((request) => ({ oneofKind: 'watch', watch: { request } }));
  invariant(answer.oneofKind === 'complete', 'a watch is answered by the heads');
  const head = answer.complete.heads[0];
  invariant(head !== undefined, 'the node has a feed');
  return { feed: head.feed, number: head.number };
}

/** Resolves with the number of entries that came when numbers `from` to the head are here. */
export async function drainWith(client: WireClient, mailbox: Mailbox, from: number): Promise<number> {
  let count = 0;
  client.onEntries = (_, entries) => {
    count += entries.length;
  };
  const answer = await client.ask((request) => ({
    oneofKind: 'sync',
    sync: { request, feed: mailbox.feed, from, to: 0, newestFirst: false, headersOnly: false },
  }));
  invariant(answer.oneofKind === 'complete', `a sync ends complete, not ${answer.oneofKind}`);
  return count;
}

/** The latest `each` entries of everybody's mailbox, all connections at once. */
export async function drainLatest(node: NodeProcess, people: readonly Person[], each: number): Promise<DrainRate> {
  const clients = await Promise.all(people.map((person) => signIn(node.url, person)));
  const mailboxes = await Promise.all(clients.map((client) => mailboxOf(client)));
  return measureDrain(node, async () => {
    const counts = await Promise.all(
      clients.map((client, i) => {
        const mailbox = mailboxes[i] as Mailbox;
        return drainWith(client, mailbox, Math.max(1, mailbox.number - each + 1));
      }),
    );
    for (const client of clients) client.close();
    return counts.reduce((sum, count) => sum + count, 0);
  });
}

export async function measureDrain(node: NodeProcess, drain: () => Promise<number>): Promise<DrainRate> {
  const before = await node.usage();
  const ownBefore = process.cpuUsage();
  const startedAt = performance.now();
  const count = await drain();
  const seconds = (performance.now() - startedAt) / 1000;
  const own = process.cpuUsage(ownBefore);
  const after = await node.usage();
  return {
    perSecond: count / seconds,
    nodeCpuMicros: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
    mainThreadMicros: ((after.mainThreadSeconds - before.mainThreadSeconds) * 1e6) / count,
    ownCpuMicros: (own.user + own.system) / count,
  };
}
