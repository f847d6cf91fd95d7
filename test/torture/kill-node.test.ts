/**
 * The node is killed (kill -9) at random moments while people import mail, each in a process of their own, and another
 * sender counts its receipts on the wire. After each kill the folder verifies; in the end every acknowledged mail is there
 * once, none is there twice, and the links of the mailbox hold. Rounds, each with a home of its own: the whole log is
 * verified after each kill, so one log that grew through all kills would take hours.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type SecureRandom, SeededPrng, SeededSecureRandom, toHex } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { type Address, FIRST_LINK, FRAME_BYTES_MAX, linkOf, type PduId } from '../../src/protocol/index.ts';
import { asPerson, freePort, HomeProcess, jsonOf, restante } from '../harness/home-process.ts';
import { Importer } from '../harness/importer.ts';
import { runLength } from '../harness/length.ts';
import { createPerson, type Person } from '../harness/person.ts';
import { WireClient } from '../harness/wire-client.ts';
import { WireSender } from '../harness/wire-sender.ts';

const ROUNDS = runLength(1, 8);
/** In a round. */
const KILLS = runLength(2, 25);
const FIRST_SEED = 11;
const IMPORTERS = runLength(2, 4);
/** Sending takes so much longer than starting and ending that a kill meets it. */
const BATCH_SIZE = runLength(120, 300);
/** The kill comes so long after everybody is connected, at most. */
const KILL_MS_MAX = runLength(1_000, 2_500);
/** On a busy machine the importers take long to start. */
const CONNECTED_MS_MAX = 600_000;
const KILLS_PER_LINE = 5;

const suite = new SodiumSuite();
const dialer = new WsDialer(
  { clock: new SystemClock(), resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 10_000, allowPrivate: true },
);

const seeds = Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round);

test.each(seeds)(
  `${KILLS} kills of the node while ${IMPORTERS} people import lose nothing acknowledged and double nothing (seed %i)`,
  async (seed) => {
    const random = new SeededSecureRandom(seed);
    const prng = new SeededPrng(seed);
    const folder = await mkdtemp(join(tmpdir(), 'restante-kill-'));
    const data = join(folder, 'home');
    const profile = join(folder, 'reader');
    const port = await freePort();
    let up = HomeProcess.open(data, port);
    let home = await up;
    let importers: readonly Importer[] = [];
    try {
      const address = (name: string): Address => `${name}@${home.home}` as Address;
      const connect = async (): Promise<WireClient> =>
        new WireClient(await dialer.dial(home.url, new AbortController().signal));
      const [wireReader, wireAuthor] = (await Promise.all(
        ['wire-reader', 'wire-author'].map((name) => signUp(random, connect, address(name))),
      )) as [Person, Person];
      const sender = new WireSender({ random, prng, connect }, wireAuthor, wireReader.address);
      await asPerson(profile, 'account', 'new', address('reader'), '--node', home.url);
      importers = await openImporters(seed, folder, home, () => up);
      const importing = Promise.all(importers.map((importer) => importer.start()));

      for (let kill = 0; kill < KILLS; kill++) {
        const sending = sender.sendUntilCut();
        await Promise.race([whenConnected(home, IMPORTERS + 1), importing]);
        await pause(prng.below(KILL_MS_MAX));
        // Meanwhile one may have been between two commands, and the kill would not meet it.
        await Promise.race([whenConnected(home, IMPORTERS + 1), importing]);
        await home.kill();
        await sending;
        up = verify(data).then(() => HomeProcess.open(data, port));
        home = await up;
        if ((kill + 1) % KILLS_PER_LINE === 0)
          console.log(`${kill + 1} kills, ${sender.acknowledged.size} acknowledged`);
      }

      const finished = await Promise.all(importers.map((importer) => importer.finish()));
      for (const [i, importer] of importers.entries())
        expect(finished[i]).toMatchObject({ sent: 0, duplicates: importer.given.length, refused: [] });
      const given = importers.flatMap((importer) => importer.given);
      expect(await entriesOf(data, address('reader'))).toBe(given.length);
      expect(await exported(profile, join(folder, 'exported'))).toEqual(given.sort());

      await sender.resubmit();
      const held = await readAll(random, await connect(), wireReader);
      const found = new Set(held);
      expect(found.size).toBe(held.length);
      expect([...sender.acknowledged].filter((id) => !found.has(id))).toEqual([]);
      const gaveUp = importers.reduce((sum, importer) => sum + importer.gaveUp, 0);
      console.log(
        `kill -9 of the node, seed ${seed}: ${KILLS} kills, ${gaveUp} imports ended by them; ` +
          `${given.length} imported and held once; ${sender.acknowledged.size} acknowledged on the wire, ${held.length} held`,
      );
      // Each may have met all; one that finds the node again before it loses patience goes on, and is not counted.
      expect(gaveUp).toBeGreaterThanOrEqual(KILLS);
    } finally {
      for (const importer of importers) await importer[Symbol.asyncDispose]();
      await home.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

async function signUp(random: SecureRandom, connect: () => Promise<WireClient>, address: Address): Promise<Person> {
  const person = createPerson(random, address);
  const client = await connect();
  expect((await client.register(person)).oneofKind).toBe('chain');
  client.close();
  return person;
}

function openImporters(
  seed: number,
  folder: string,
  { home, url }: HomeProcess,
  whenUp: () => Promise<unknown>,
): Promise<Importer[]> {
  const open = (i: number): Promise<Importer> =>
    Importer.open(new SeededPrng(seed * IMPORTERS + i), url, {
      folder: join(folder, `importer${i}`),
      address: `importer${i}@${home}`,
      to: `reader@${home}`,
      batchSize: BATCH_SIZE,
      whenUp,
    });
  return Promise.all(Array.from({ length: IMPORTERS }, (_, i) => open(i)));
}

/** Until so many connections are open: every kill meets everybody at work. */
async function whenConnected(home: HomeProcess, count: number): Promise<void> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < CONNECTED_MS_MAX) {
    const metrics = await (await fetch(home.url.replace(/^ws(.*)\/client$/, 'http$1/metrics'))).text();
    if (Number(/^restante_connections (\d+)/m.exec(metrics)?.[1]) >= count) return;
    await pause(50);
  }
  throw new Error(`fewer than ${count} connected in time`);
}

async function verify(data: string): Promise<void> {
  const { stdout } = await restante(['verify', '--json', '--data', data]);
  expect(jsonOf(stdout)).toMatchObject({ ok: true, problems: [] });
}

/** What the mailbox counts, whatever its reader makes of it: a mail that is there twice would count twice. */
async function entriesOf(data: string, address: Address): Promise<number | undefined> {
  const { stdout } = await restante(['account', 'list', '--json', '--data', data]);
  const accounts = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { address: string; entries: number });
  return accounts.find((account) => account.address === address)?.entries;
}

/** Fetches and exports everything; the hashes, in order. */
async function exported(profile: string, folder: string): Promise<string[]> {
  expect(await asPerson(profile, 'sync')).toMatchObject({ missing: 0, complete: true });
  await asPerson(profile, 'export', folder, '--format', 'eml');
  const hashes: string[] = [];
  for (const name of await readdir(folder))
    hashes.push(
      createHash('sha256')
        .update(await readFile(join(folder, name)))
        .digest('hex'),
    );
  return hashes.sort();
}

/** Every PDU of the mailbox, in order, its links checked. */
async function readAll(random: SecureRandom, client: WireClient, reader: Person): Promise<PduId[]> {
  await client.authenticate(random, reader.address, reader.device);
  const held: PduId[] = [];
  let link = FIRST_LINK;
  client.onEntries = (_request, entries) => {
    for (const entry of entries) {
      const pduId = toHex(suite.sha256(entry.pdu)) as PduId;
      expect(entry.number).toBe(held.length + 1);
      expect(entry.previousLink).toEqual(link);
      link = linkOf(suite, link, { ...entry, pduId });
      held.push(pduId);
    }
  };
  const answer = await client.follow({ headersOnly: true });
  expect(answer.oneofKind === 'complete' && answer.complete.heads[0]?.link).toEqual(link);
  client.close();
  return held;
}
