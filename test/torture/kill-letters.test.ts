/**
 * A home is killed again and again while its people hand over ordinary mail and it sends it on. What it has answered for is sent,
 * whatever happened in between; what was handed over again is taken once. SMTP leaves one moment open: a server that has a whole
 * letter, and whose answer nobody heard or wrote down, gets the same letter again, under the same Message-ID.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom, utf8 } from '../../src/base/index.ts';
import { SystemClock, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import {
  BODY_BYTES_MAX,
  FRAME_BYTES_MAX,
  LETTER_PIECE_BYTES,
  parseAddress,
  type Receipt,
  ReceiptStatus,
} from '../../src/protocol/index.ts';
import { freePort, HomeProcess } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';
import { createPerson } from '../harness/person.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { WireClient } from '../harness/wire-client.ts';

const KILLS = runLength(3, 60);
const IN_FLIGHT = 4;
const DOMAINS = 5;
/** Letters answered for after which the home is killed, one more each time: others are at some step or other then. */
const ANSWERS_FIRST = 5;
const LARGE_BYTES = 300_000;
/** Of those that come in pieces, one after the other beside the small ones: a kill is nearly always within one. */
const HUGE_BYTES = 8_000_000;

const dialer = new WsDialer(
  { clock: new SystemClock(), resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 10_000, allowPrivate: true },
);

interface Given {
  readonly id: Uint8Array;
  /** Bytes. */
  readonly padding: number;
}

/** Undefined: nobody answered any more, or with something else. */
async function receiptOf(asked: Promise<{ readonly oneofKind: string | undefined }>): Promise<Receipt | undefined> {
  const answer = (await asked) as { readonly oneofKind: string | undefined; readonly receipt?: Receipt };
  return answer.receipt;
}

test(`letters that a home has answered for are sent, over ${KILLS} kills`, async () => {
  await using sink = await SmtpSink.open();
  const folder = await mkdtemp(join(tmpdir(), 'restante-letters-'));
  const [data, port] = [join(folder, 'home'), await freePort()];
  const options = ['--home', 'home.example', '--smtp-relay', `smtp://127.0.0.1:${sink.settings.port}`];
  let home = await HomeProcess.open(data, port, options);
  try {
    const random = new SeededSecureRandom(5);
    const prng = new SeededPrng(5);
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const alice = createPerson(random, parseAddress('alice@home.example'));
    const connect = async (): Promise<WireClient> => new WireClient(await dialer.dial(home.url, never));
    const first = await connect();
    expect((await first.register(alice)).oneofKind).toBe('chain');
    first.close();

    const signIn = async (): Promise<WireClient> => {
      const client = await connect();
      expect((await client.authenticate(random, alice.address, alice.device)).oneofKind).toBe('welcome');
      return client;
    };
    const answered = new Set<string>();
    const given = new Map<string, Given>();
    let resumed = 0;
    const hand = async (client: WireClient, name: string): Promise<ReceiptStatus> => {
      const { id, padding } = given.get(name) as Given;
      const text = utf8(
        `From: alice@home.example\r\nSubject: ${name}\r\nMessage-ID: <${name}@x>\r\n\r\n${canary}${'x'.repeat(padding)}\r\n`,
      );
      const isHuge = text.length > BODY_BYTES_MAX;
      const letter = { id, recipients: [`carol@d${prng.below(DOMAINS)}.example`], returnsNothing: false };
      const body = { size: text.length, text: isHuge ? new Uint8Array(0) : text, withText: !isHuge };
      const offer = (): Promise<Receipt | undefined> =>
        receiptOf(client.ask((request) => ({ oneofKind: 'letter', letter: { request, ...letter, ...body } })));
      const offered = await offer();
      if (offered?.status !== ReceiptStatus.SEND_PIECES) return offered?.status ?? ReceiptStatus.UNAVAILABLE;
      if (offered.index > 1) resumed += 1;
      for (let number = offered.index; (number - 1) * LETTER_PIECE_BYTES < text.length; number++) {
        const piece = text.subarray((number - 1) * LETTER_PIECE_BYTES, number * LETTER_PIECE_BYTES);
        const taken = await receiptOf(
          client.ask((request) => ({ oneofKind: 'letterPiece', letterPiece: { request, id, number, text: piece } })),
        );
        if (taken?.status !== ReceiptStatus.OK) return taken?.status ?? ReceiptStatus.UNAVAILABLE;
      }
      return (await offer())?.status ?? ReceiptStatus.UNAVAILABLE;
    };

    for (let kill = 0; kill < KILLS; kill++) {
      const client = await signIn();
      let left = ANSWERS_FIRST + kill;
      const lanes = Array.from({ length: IN_FLIGHT }, async (_, lane) => {
        for (let i = 0; left > 0; i++) {
          const name = `l${kill}-${lane}-${i}`;
          const padding = lane === 0 ? HUGE_BYTES : prng.below(8) === 0 ? LARGE_BYTES : 0;
          given.set(name, { id: random.bytes(32), padding });
          if ((await hand(client, name)) !== ReceiptStatus.OK) return;
          answered.add(name);
          left -= 1;
        }
        await home.kill();
      });
      await Promise.race([client.ended(), Promise.all(lanes)]);
      await home.kill();
      home = await HomeProcess.open(data, port, options);
    }

    const client = await signIn();
    const statuses = new Map<string, ReceiptStatus>();
    for (const name of given.keys()) statuses.set(name, await hand(client, name));
    for (const name of answered) expect(statuses.get(name), name).toBe(ReceiptStatus.DUPLICATE);
    const subjects = (): string[] => sink.taken.map((text) => /^Subject: (\S+)\r$/m.exec(text)?.[1] ?? '');
    // The program tells of its queue by what it sends, and nothing else here.
    for (let look = 0; look < 600 && new Set(subjects()).size < given.size; look++) await pause(50);
    const came = subjects();
    expect([...given.keys()].filter((name) => !came.includes(name))).toEqual([]);
    const doubled = came.length - new Set(came).size;
    expect(doubled).toBeLessThanOrEqual(KILLS * IN_FLIGHT * DOMAINS);
    expect(resumed).toBeGreaterThan(0);
    for (const text of sink.taken) expect(text).toMatch(/^DKIM-Signature: .*Message-ID: <l[0-9-]+@x>/s);
    expect(new SecretScan([canary]).inFolder(data).found).toEqual([]);
    console.log(
      `${KILLS} kills: ${answered.size} answered, ${given.size} handed over, ${resumed} resumed, ${doubled} sent twice`,
    );
    client.close();
  } finally {
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

const never = new AbortController().signal;
