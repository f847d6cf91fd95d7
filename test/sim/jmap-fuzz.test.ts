/**
 * Mutated requests and messages from a seed: every answer is a response or a typed error, never `serverFail`, and the store
 * stays whole. The full length is a million requests and a hundred thousand messages.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { RequestError } from '../../src/jmap/index.ts';
import { BodyView } from '../../src/jmap/methods/email/body-view.ts';
import { envelopeOf } from '../../src/jmap/mime/envelope.ts';
import { readMessage } from '../../src/jmap/mime/message-reading.ts';
import { mutatedRequest } from '../harness/jmap/mutated-requests.ts';
import { CALLER, TestAccount } from '../harness/jmap/test-account.ts';
import { runLength } from '../harness/length.ts';

const REQUESTS = runLength(3_000, 1_000_000);
const MESSAGES = runLength(2_000, 100_000);
const SEED = 7;
const CORPUS = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const REQUESTS_OF_ONE_STORE = 5_000;

test(`${REQUESTS} mutated requests get typed answers (seed ${SEED})`, async () => {
  const prng = new SeededPrng(SEED);
  let world = await openWorld();
  const never = new AbortController().signal;
  const counts = { answered: 0, errors: 0, refused: 0 };
  for (let index = 0; index < REQUESTS; index++) {
    if (index % REQUESTS_OF_ONE_STORE === REQUESTS_OF_ONE_STORE - 1) {
      await world.jmap[Symbol.asyncDispose]();
      world.store.close();
      world = await openWorld();
    }
    const bytes = mutatedRequest(prng);
    try {
      const { methodResponses } = await world.jmap.api(bytes, CALLER, never);
      for (const [name, args] of methodResponses)
        if (name !== 'error') counts.answered++;
        else {
          counts.errors++;
          expect(`${index} ${args.type} ${bytes.subarray(0, 2_000)}`).not.toMatch(/^\d+ serverFail/);
        }
    } catch (error) {
      if (!(error instanceof RequestError)) throw new Error(`request ${index}: ${bytes}`, { cause: error });
      counts.refused++;
    }
  }
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(REQUESTS / 20);
  await world.jmap[Symbol.asyncDispose]();
});

async function openWorld(): Promise<TestAccount> {
  const world = await TestAccount.open();
  world.addAccount('a2');
  for (let n = 0; n < 5; n++)
    world.deliver(
      `From: a@b\nSubject: ${n}\nX: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: text/html\n\n<p>a\n--b--\n`,
    );
  return world;
}

test(`${MESSAGES} mutated messages are read as something (seed ${SEED})`, () => {
  const prng = new SeededPrng(SEED);
  const seeds = seedMessages();
  const options = {
    bodyProperties: ['partId', 'blobId', 'size', 'headers', 'name', 'header:X:asAddresses:all'],
    fetchTextBodyValues: false,
    fetchHTMLBodyValues: false,
    fetchAllBodyValues: true,
    maxBodyValueBytes: 500,
  };
  for (let index = 0; index < MESSAGES; index++) {
    const raw = mutated(prng, seeds);
    const { preview, text } = readMessage(raw);
    expect(preview.length).toBeLessThanOrEqual(256);
    expect(text.isWellFormed()).toBe(true);
    const view = new BodyView(raw, 'e1', () => undefined);
    for (const name of ['bodyStructure', 'bodyValues', 'attachments']) JSON.stringify(view.property(name, options));
    JSON.stringify(envelopeOf(view.structure.headers));
  }
});

function seedMessages(): Buffer[] {
  const own = Buffer.from(
    'From: "a" <a@b>\r\nTo: G: b@c;\r\nSubject: =?utf-8?q?=C3=A4?=\r\nContent-Type: multipart/mixed; boundary="x"; name*0*=utf-8\'\'a%20; name*1=b\r\n\r\n--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20=\r\n=C3\r\n--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\nb\r\n--y--\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC=\r\n--x--\r\n',
  );
  if (!existsSync(CORPUS)) return [own];
  const files = readdirSync(CORPUS, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.eml'));
  return [own, ...files.map((name) => readFileSync(join(CORPUS, name)))].filter(({ length }) => length < 20_000);
}

/** Bytes changed, pieces doubled, cut out, or taken from another. */
function mutated(prng: SeededPrng, seeds: readonly Buffer[]): Buffer {
  const pick = (): Buffer => seeds[prng.below(seeds.length)] as Buffer;
  let raw = Buffer.from(pick());
  for (let count = 1 + prng.below(6); count > 0; count--) {
    const at = prng.below(raw.length + 1);
    const end = Math.min(raw.length, at + prng.below(200));
    switch (prng.below(4)) {
      case 0:
        if (at < raw.length) raw[at] = prng.below(256);
        break;
      case 1:
        raw = Buffer.concat([raw.subarray(0, end), raw.subarray(at)]);
        break;
      case 2:
        raw = Buffer.concat([raw.subarray(0, at), raw.subarray(end)]);
        break;
      default:
        raw = Buffer.concat([raw.subarray(0, at), pick().subarray(0, prng.below(300)), raw.subarray(at)]);
    }
  }
  return raw;
}
