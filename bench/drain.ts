/**
 * A mailbox of entries of 1 KB (100 000 with `--full`), drained over one connection: by a client that only counts, by one that decodes
 * every entry, and by the client's own path, which verifies everything and stores it in SQLite.
 */
import { type Address, encodeClientMessage } from '../src/protocol/index.ts';
import type { Person } from '../test/harness/person.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { countEntries } from './counting-client.ts';
import { type DrainRate, drainWith, type Mailbox, mailboxOf, measureDrain } from './drain-load.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';
import { dialer, register, signIn } from './people.ts';
import { authenticateSocket } from './raw-session.ts';
import { StoringClient } from './storing-client.ts';

const ENTRIES = 30_000;
const FULL_ENTRIES = 100_000;
const CHUNK = 10_000;
const AUTHORS = 50;
const BODY_BYTES = 1024;

export async function benchDrain({ full, execArgv }: BenchOptions): Promise<BenchResult> {
  await using node = await NodeProcess.open({ execArgv: [...execArgv] });
  const reader = await register(node.url, `reader@${node.home}`);
  const entries = full ? FULL_ENTRIES : ENTRIES;
  const clients = [await StoringClient.open(node, 'first'), await StoringClient.open(node, 'second')] as const;
  await fill(node, entries, [reader.address, ...clients.map(({ created }) => created.profile.address)]);
  const client = await signIn(node.url, reader);
  const mailbox = await mailboxOf(client);
  const counted = await best(node, [
    () => drainAndCount(node, reader, mailbox),
    () => drainAndCount(node, reader, mailbox),
  ]);
  const decoded = await best(node, [() => drainWith(client, mailbox, 1), () => drainWith(client, mailbox, 1)]);
  client.close();
  const [first, second] = clients;
  const stored = await measureDrain(node, () => first.receive(entries, { isIndexing: false }));
  const indexed = await measureDrain(node, () => second.receive(entries, { isIndexing: true }));
  for (const storing of clients) await storing[Symbol.asyncDispose]();
  return {
    entries: mailbox.number,
    countedPerSecond: counted.perSecond,
    countedNodeCpuMicros: counted.nodeCpuMicros,
    countedMainThreadMicros: counted.mainThreadMicros,
    decodedPerSecond: decoded.perSecond,
    storedPerSecond: stored.perSecond,
    storedClientCpuMicros: stored.ownCpuMicros,
    storedWhileIndexingPerSecond: indexed.perSecond,
    storedWhileIndexingCpuMicros: indexed.ownCpuMicros,
  };
}

/** Every mail goes to all readers at once. */
async function fill(node: NodeProcess, entries: number, readers: readonly Address[]): Promise<void> {
  using load = await Load.open(node, AUTHORS);
  for (let made = 0; made < entries; made += CHUNK) await load.submit(node, load.prepare(CHUNK, BODY_BYTES, readers));
}

/** Counts the frames of a sync as they come off the socket. */
async function drainAndCount(node: NodeProcess, reader: Person, mailbox: Mailbox): Promise<number> {
  const socket = await dialer.dial(node.url, new AbortController().signal);
  const frames = await authenticateSocket(socket, node.home, reader);
  await socket.send(
    encodeClientMessage({
      oneofKind: 'sync',
      sync: { request: 1, feed: mailbox.feed, from: 1, to: 0, newestFirst: false, headersOnly: false },
    }),
  );
  let count = 0;
  while (count < mailbox.number) {
    const frame = await frames.next();
    if (frame.done === true) throw new Error('the node closed while it was drained');
    count += countEntries(frame.value);
  }
  socket.terminate();
  return count;
}

async function best(node: NodeProcess, drains: readonly (() => Promise<number>)[]): Promise<DrainRate> {
  let found: DrainRate | undefined;
  for (const drain of drains) {
    const rate = await measureDrain(node, drain);
    if (found === undefined || rate.perSecond > found.perSecond) found = rate;
  }
  return found as DrainRate;
}
