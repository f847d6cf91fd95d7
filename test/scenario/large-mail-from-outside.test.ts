/** A message from outside that is larger than a body: what its reader exports is what came, to the octet. */
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/index.ts';
import { SodiumSuite, SystemRandom } from '../../src/base/system/index.ts';
import { WholeMessage } from '../../src/cli/mail-files/whole-message.ts';
import { attachmentKeyOf, chunkCountOfContent, type Manifest, STORED_CHUNK_BYTES } from '../../src/protocol/index.ts';
import { partMessage } from '../../src/smtp-door/large-mail/parting.ts';
import { sealContent } from '../../src/smtp-door/large-mail/sealing.ts';
import { ChunkCipher } from '../../src/vault/index.ts';

const KiB = 1024;
const ROOM = 64 * KiB;
const TRACE = 'Return-Path: <>\r\nReceived: from a\r\n\tby b\r\n';
const suite = new SodiumSuite();
const NEVER = new AbortController().signal;

/** What is in the body, what is beside it, and what the reader exports of both. */
async function pass(message: string) {
  const stored = new Map<string, Uint8Array>();
  const put = async (list: Uint8Array, number: number, body: Uint8Array): Promise<boolean> => {
    expect(number === 0 || body.length <= STORED_CHUNK_BYTES).toBe(true);
    stored.set(`${toHex(list)} ${number}`, body.slice());
    return true;
  };
  const octets = Buffer.from(message, 'latin1');
  const { contents, rest } = partMessage(octets, ROOM);
  const manifests: Manifest[] = [];
  for (const content of contents) {
    const manifest = await sealContent({ suite, random: new SystemRandom(), put }, content);
    if (manifest !== undefined) manifests.push(manifest);
  }
  const below = rest(manifests);
  const open = async (manifest: Manifest) => {
    const cipher = await ChunkCipher.open(attachmentKeyOf(manifest), chunkCountOfContent(manifest.size));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let number = 1; number <= chunkCountOfContent(manifest.size); number++)
        yield cipher.open(number, stored.get(`${manifest.list} ${number}`) ?? new Uint8Array(0));
    }
    return { chunks, [Symbol.asyncDispose]: async () => undefined };
  };
  const whole = await WholeMessage.open(
    { open, onProgress: () => undefined },
    Buffer.concat([Buffer.from(TRACE), below]),
  );
  const pieces: Uint8Array[] = [];
  for await (const piece of whole?.octets(NEVER) ?? []) pieces.push(piece);
  const exported = Buffer.concat(pieces).toString('latin1');
  return { manifests, below: Buffer.from(below).toString('latin1'), exported, size: whole?.size, stored };
}

function base64(octets: Buffer, line = 76): string {
  return (octets.toString('base64').match(new RegExp(`.{1,${line}}`, 'g')) ?? []).join('\r\n');
}

function multipart(parts: readonly string[], boundary = '=_b', type = 'mixed'): string {
  const head = `From: <a@b.example>\r\nSubject: large\r\nContent-Type: multipart/${type};\r\n boundary="${boundary}"\r\n\r\n`;
  return `${head}${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
}

const TEXT = 'Content-Type: text/plain\r\n\r\nLook at this.\r\n';
const photo = randomBytes(300 * KiB);
const attachment = (content: string, name = 'a photo.jpg'): string =>
  `Content-Type: image/jpeg; name="${name}"\r\nContent-ID: <x@y>\r\nContent-Disposition: attachment;\r\n filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${content}`;

describe('a message from outside that is larger than a body', () => {
  test.each([
    ['as most programs write it', attachment(base64(photo))],
    ['in short lines', attachment(base64(photo, 60))],
    ['in one line', attachment(base64(photo.subarray(0, 600)))],
    ['with an empty line at its end', attachment(`${base64(photo)}\r\n`)],
    ['with many of them', attachment(`${base64(photo)}\r\n\r\n\r\n\r\n`)],
    ['in whole lines', attachment(base64(photo.subarray(0, 57 * 4_000)))],
  ])('has its attachment beside it, and reads as it came, %s', async (_, part) => {
    const message = multipart([TEXT, part, attachment(base64(photo), 'second.jpg')]);
    const { below, exported, manifests, size, stored } = await pass(message);
    expect(exported).toBe(`${TRACE}${message}`);
    expect(size).toBe(exported.length);
    expect(below.length).toBeLessThan(ROOM);
    expect(below).toContain('Look at this.');
    expect(manifests.at(-1)).toMatchObject({
      name: 'second.jpg',
      type: 'image/jpeg',
      size: photo.length,
      sha256: createHash('sha256').update(photo).digest('hex'),
    });
    expect([...stored.values()].some((piece) => Buffer.from(piece).includes(photo.subarray(0, 64)))).toBe(false);
  });

  test('has its attachments beside it, however deep they are, and whatever their names', async () => {
    const inner = multipart([TEXT, attachment(base64(photo), '=?utf-8?B?w6QuanBn?=')], 'inner', 'related');
    const encoded = attachment(base64(photo)).replace(
      'filename="a photo.jpg"',
      "filename*0*=utf-8''%C3%A4; filename*1=.png",
    );
    const message = multipart([inner.slice(inner.indexOf('Content-Type')), encoded]);
    const { exported, manifests } = await pass(message);
    expect(exported).toBe(`${TRACE}${message}`);
    expect(manifests.map(({ name }) => name)).toEqual(['ä.jpg', 'ä.png']);
  });

  test.each([
    ['its attachment is not spelled as others spell base64', attachment(base64(photo).replace(/^(.{40})/, '$1 '))],
    ['its attachment has a line of another length', attachment(`AAAA\r\n${base64(photo)}`)],
    ['its attachment is not encoded', attachment(`${'x'.repeat(70)}\r\n`.repeat(3_000)).replace('base64', '8bit')],
    ['its text is the large one', `${TEXT}${'y'.repeat(70)}\r\n`.concat(`${'x'.repeat(70)}\r\n`.repeat(3_000))],
    ['it says twice how it is encoded', `Content-Transfer-Encoding: 7bit\r\n${attachment(base64(photo))}`],
  ])('is attached whole when %s', async (_, part) => {
    const message = multipart([TEXT, part]);
    const { below, exported, manifests } = await pass(message);
    expect(exported).toBe(`${TRACE}${message}`);
    expect(manifests).toMatchObject([{ name: 'message.eml', type: 'message/rfc822', size: message.length }]);
    expect(below).toMatch(/^Restante-Message: whole\r\nFrom: <a@b\.example>\r\nSubject: large\r\nMIME-Version/);
  });

  test('is attached whole when it is signed in itself, or no MIME at all', async () => {
    const signed = multipart(
      [attachment(base64(photo)), 'Content-Type: application/pgp-signature\r\n\r\nx'],
      'b',
      'signed',
    );
    const plain = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(3_000)}`;
    const broken = multipart([TEXT, attachment(base64(photo))]).replace('boundary="=_b"', 'boundary="other"');
    for (const message of [signed, plain, broken]) {
      const { exported, manifests } = await pass(message);
      expect(exported).toBe(`${TRACE}${message}`);
      expect(manifests).toHaveLength(1);
    }
  });

  test('is what it was when a part of it looks like a manifest', async () => {
    const fake = 'Content-Type: application/vnd.restante.attachment+json\r\nRestante-Part: 76 0 AAAA\r\n\r\n{}';
    const message = multipart([fake, attachment(base64(photo))]);
    expect((await pass(message)).exported).toBe(`${TRACE}${message}`);
  });

  test('is what it was however broken it is', async () => {
    const small = photo.subarray(0, 60 * KiB);
    const inner = multipart([TEXT, attachment(base64(small))], 'b', 'related');
    const whole = multipart([inner.slice(inner.indexOf('Content-Type')), attachment(base64(small, 60)), TEXT], 'bb');
    const lines = whole.split('\r\n');
    // Where the structure is, and some base64 beside it.
    const places = lines.flatMap((line, at) => (/^[A-Za-z0-9+/]{60,}$/.test(line) && at % 100 > 0 ? [] : [at]));
    const odd = [
      '',
      '--b',
      '--b--',
      '--bb',
      '--bb ',
      '--bb--',
      ' folded',
      'Content-Type: multipart/mixed; boundary=b',
      'AAA=',
    ];
    const forms = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...places), fc.constantFrom('drop', 'twice', ...odd)), { maxLength: 6 }),
        async (changes) => {
          const changed: string[] = [...lines];
          for (const [at, how] of changes) {
            if (how === 'drop') changed.splice(at, 1);
            else changed.splice(at, 0, how === 'twice' ? (changed[at] ?? '') : how);
          }
          const message = changed.join('\r\n');
          const { exported, manifests } = await pass(message);
          expect(exported === `${TRACE}${message}`).toBe(true);
          forms.add(manifests[0]?.name === 'message.eml' ? 'whole' : 'in parts');
        },
      ),
      { numRuns: 60 },
    );
    expect([...forms].sort()).toEqual(['in parts', 'whole']);
  });
});
