/**
 * The node is killed (kill -9) at random moments while four senders submit. After each kill the folder verifies; in the end
 * every acknowledged mail is there once, none is there twice, and the links of the mailbox hold.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom, toHex } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import {
  type Address,
  type Entry,
  FIRST_LINK,
  FRAME_BYTES_MAX,
  From,
  linkOf,
  type Pdu,
  type PduId,
  ReceiptStatus,
} from '../../src/protocol/index.ts';
import { freePort, HomeProcess, restante } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';
import { createPerson, type Person, writePdu } from '../harness/person.ts';
import { WireClient } from '../harness/wire-client.ts';

const KILLS = runLength(3, 200);
const SEED = 11;
const SENDERS = 4;
const IN_FLIGHT = 8;

const suite = new SodiumSuite();
const random = new SeededSecureRandom(SEED);
const prng = new SeededPrng(SEED);
const dialer = new WsDialer(
  { clock: new SystemClock(), resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 10_000, allowPrivate: true },
);

interface Mail {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

test(`${KILLS} kills of the node lose nothing acknowledged and double nothing (seed ${SEED})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-kill-'));
  const port = await freePort();
  let home = await HomeProcess.open(folder, port);
  try {
    const address = (name: string): Address => `${name}@${home.home}` as Address;
    const reader = createPerson(random, address('reader'));
    const senders = Array.from({ length: SENDERS }, (_, i) => createPerson(random, address(`sender${i}`)));
    for (const person of [reader, ...senders]) {
      const client = await connect(home);
      expect((await client.register(person)).oneofKind).toBe('chain');
      client.close();
    }
    const acknowledged = new Set<PduId>();
    const unanswered = senders.map((): Mail[] => []);
    for (let kill = 0; kill < KILLS; kill++) {
      const sending = Promise.all(
        senders.map((sender, i) => sendUntilCut(home, sender, reader.address, unanswered[i] as Mail[], acknowledged)),
      );
      await new Promise((resolve) => setTimeout(resolve, 50 + prng.below(700)));
      await home.kill();
      await sending;
      const verified = await restante(['verify', '--json', '--data', folder]);
      expect(JSON.parse(verified.stdout.trim().split('\n').at(-1) as string)).toMatchObject({ ok: true, problems: [] });
      home = await HomeProcess.open(folder, port);
    }
    // What was never answered is submitted again, and is there once all the same.
    await Promise.all(senders.map((sender, i) => resubmit(home, sender, unanswered[i] as Mail[], acknowledged)));
    const held = await readAll(home, reader);
    const found = new Set(held);
    expect(found.size).toBe(held.length);
    expect([...acknowledged].filter((id) => !found.has(id))).toEqual([]);
    console.log(`kill -9 of the node: ${KILLS} kills, ${acknowledged.size} acknowledged, ${held.length} held`);
  } finally {
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

async function connect(home: HomeProcess): Promise<WireClient> {
  return new WireClient(await dialer.dial(home.url, new AbortController().signal));
}

async function sendUntilCut(
  home: HomeProcess,
  sender: Person,
  to: Address,
  unanswered: Mail[],
  acknowledged: Set<PduId>,
): Promise<void> {
  // The kill may come while the connection is made: then nothing was sent this time.
  const client = await connect(home).catch(() => undefined);
  if (client === undefined) return;
  const lane = async (): Promise<void> => {
    for (;;) {
      // Now and then a body that is kept as a file.
      const body = random.bytes(prng.below(20) === 0 ? 70_000 : 200 + prng.below(2_000));
      const mail = { pdu: writePdu(random, sender, [to], body), body };
      unanswered.push(mail);
      const receipt = await client.submit(mail.pdu, mail.body);
      if (receipt.status !== ReceiptStatus.OK) return;
      acknowledged.add(mail.pdu.id);
      unanswered.splice(unanswered.indexOf(mail), 1);
    }
  };
  const sending = client
    .authenticate(random, sender.address, sender.device)
    .then(() => Promise.all(Array.from({ length: IN_FLIGHT }, lane)));
  sending.catch(() => undefined); // the cut is what this test is about
  await client.ended();
}

async function resubmit(
  home: HomeProcess,
  sender: Person,
  mails: readonly Mail[],
  acknowledged: Set<PduId>,
): Promise<void> {
  const client = await connect(home);
  await client.authenticate(random, sender.address, sender.device);
  for (const { pdu, body } of mails) {
    const receipt = await client.submit(pdu, body);
    expect([ReceiptStatus.OK, ReceiptStatus.DUPLICATE]).toContain(receipt.status);
    acknowledged.add(pdu.id);
  }
  client.close();
}

/** Every PDU of the mailbox, in order, its links checked. */
async function readAll(home: HomeProcess, reader: Person): Promise<PduId[]> {
  const client = await connect(home);
  await client.authenticate(random, reader.address, reader.device);
  const held: PduId[] = [];
  let link = FIRST_LINK;
  client.onEntries = (_request, entries: readonly Entry[]) => {
    for (const entry of entries) {
      const pduId = toHex(suite.sha256(entry.pdu)) as PduId;
      expect(entry.number).toBe(held.length + 1);
      expect(entry.previousLink).toEqual(link);
      link = linkOf(suite, link, { ...entry, pduId });
      held.push(pduId);
    }
  };
  const answer = await client.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: {
      version: 1,
      from: From.BEGINNING,
      time: 0,
      ledger: [],
      client: '',
      request,
      headersOnly: true,
      newestFirst: false,
    },
  }));
  expect(answer.oneofKind === 'complete' && answer.complete.heads[0]?.link).toEqual(link);
  client.close();
  return held;
}
