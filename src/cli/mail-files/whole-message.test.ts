import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { toBase64, utf8 } from '../../base/index.ts';
import type { Manifest } from '../../client/index.ts';
import { partsOfType } from '../../jmap/index.ts';
import { encodeManifest, MANIFEST_TYPE } from '../../protocol/index.ts';
import { WholeMessage, type WholeMessageDeps } from './whole-message.ts';

const NEVER = new AbortController().signal;

function manifestOf(content: Uint8Array, more: Partial<Manifest> = {}): Manifest {
  return {
    name: 'film “1”.mkv',
    type: 'video/x-matroska',
    size: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    list: 'cd'.repeat(32),
    key: toBase64(new Uint8Array(32)),
    ...more,
  };
}

function mailWith(manifest: Manifest): Uint8Array {
  const part = `Content-Type: ${MANIFEST_TYPE}; name=x\r\nContent-Disposition: attachment; filename=film\r\n`;
  const content = Buffer.from(encodeManifest(manifest)).toString('base64');
  return utf8(
    `Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n${part}Content-Transfer-Encoding: base64\r\n\r\n${content}\r\n--b--\r\n`,
  );
}

/** Gives the content in pieces of that size. */
function depsWith(content: Uint8Array, pieceBytes: number): WholeMessageDeps {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
  }
  const download = { chunks, [Symbol.asyncDispose]: async () => undefined };
  return { open: async () => download, onProgress: () => undefined };
}

async function wholeOf(content: Uint8Array, pieceBytes: number, manifest: Manifest): Promise<Uint8Array> {
  const whole = await WholeMessage.open(depsWith(content, pieceBytes), mailWith(manifest));
  if (whole === undefined) throw new Error('the mail lacks nothing');
  const octets: Uint8Array[] = [];
  for await (const piece of whole.octets(NEVER)) octets.push(piece);
  const message = Buffer.concat(octets);
  expect(whole.size).toBe(message.length);
  return message;
}

describe('a message with its large attachment', () => {
  test('has the content in the place of the manifest, and the size that was said before', async () => {
    for (const size of [1, 56, 57, 58, 113, 114, 10_000, 10_001, 10_002]) {
      const content = Uint8Array.from({ length: size }, (_, index) => (index * 7) % 256);
      const message = await wholeOf(content, 1_000, manifestOf(content));
      const [found, other] = partsOfType(message, 'video/x-matroska');
      expect(other).toBeUndefined();
      expect(Buffer.compare(found?.content ?? new Uint8Array(0), content)).toBe(0);
      expect(found?.part).toMatchObject({ name: 'film', disposition: 'attachment' });
      expect(
        Math.max(
          ...Buffer.from(message)
            .toString('latin1')
            .split('\r\n')
            .map((line) => line.length),
        ),
      ).toBeLessThan(79);
    }
  });

  test('is no message when the content is not what its author hashed', async () => {
    const content = utf8('not that film');
    const manifest = manifestOf(content, { sha256: 'ab'.repeat(32) });
    await expect(wholeOf(content, 5, manifest)).rejects.toMatchObject({ code: 'attachment_damaged' });
  });

  test('is an ordinary file where its type may not be encoded, and lacks nothing where no manifest reads', async () => {
    const content = utf8('Subject: within\r\n\r\nx');
    const message = await wholeOf(content, 5, manifestOf(content, { type: 'message/rfc822' }));
    const [found] = partsOfType(message, 'application/octet-stream');
    expect(Buffer.from(found?.content ?? []).toString()).toBe('Subject: within\r\n\r\nx');
    const odd = Buffer.from(mailWith(manifestOf(content)))
      .toString()
      .replace(/\r\n[A-Za-z0-9+/=]{60,}\r\n/, '\r\ne30=\r\n');
    const deps = depsWith(content, 5);
    expect(await WholeMessage.open(deps, utf8(odd))).toBeUndefined();
    expect(await WholeMessage.open(deps, utf8('Subject: x\r\n\r\nx'))).toBeUndefined();
  });
});
