/**
 * A mailbox of 100 000 entries of 1 KB, drained over one connection: by a client that only counts, by one that decodes
 * every entry, and by the client's own path, which verifies everything and stores it in SQLite.
 */
import { encodeClientMessage } from '../src/protocol/index.ts';
import type { Person } from '../test/harness/person.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { countEntries } from './counting-client.ts';
import { type DrainRate, drainWith, type Mailbox, mailboxOf, measureDrain } from './drain-load.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';
import { dialer, signIn } from './people.ts';
import { authenticateSocket } from './raw-session.ts';
import { drainAndStore } from './storing-client.ts';

const ENTRIES = 100_000;
const CHUNK = 20_000;
const AUTHORS = 50;
const BODY_BYTES = 1024;
const RUNS = 2;

export async function benchDrain({ execArgv }: BenchOptions): Promise<BenchResult> {
  await using node = await NodeProcess.open({ execArgv: [...execArgv] });
  const reader = await fill(node);
  const client = await signIn(node.url, reader);
  const mailbox = await mailboxOf(client);
  const counted = await best(node, () => drainAndCount(node, reader, mailbox));
  const decoded = await best(node, () => drainWith(client, mailbox, 1));
  client.close();
  const stored = await best(node, () => drainAndStore(node, reader, mailbox));
  return {
    entries: mailbox.number,
    countedPerSecond: counted.perSecond,
    countedNodeCpuMicros: counted.nodeCpuMicros,
    countedMainThreadMicros: counted.mainThreadMicros,
    decodedPerSecond: decoded.perSecond,
    storedPerSecond: stored.perSecond,
    storedClientCpuMicros: stored.ownCpuMicros,
  };
}

/** Everybody writes to the first, who is the one that reads. */
async function fill(node: NodeProcess): Promise<Person> {
  using load = await Load.open(node, AUTHORS);
  const [reader] = load.people;
  if (reader === undefined) throw new Error('there are authors');
  for (let made = 0; made < ENTRIES; made += CHUNK)
    await load.submit(node, load.prepare(CHUNK, BODY_BYTES, reader.address));
  return reader;
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

async function best(node: NodeProcess, drain: () => Promise<number>): Promise<DrainRate> {
  let found: DrainRate | undefined;
  for (let run = 0; run < RUNS; run++) {
    const rate = await measureDrain(node, drain);
    if (found === undefined || rate.perSecond > found.perSecond) found = rate;
  }
  return found as DrainRate;
}
