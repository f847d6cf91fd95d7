import fc from 'fast-check';
import { createMessage, encrypt, enums, Message, PacketList, readMessage, readPrivateKey, sign } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromBase64 } from '../base/index.ts';
import { BODY_BYTES_MAX } from '../protocol/index.ts';
import { openBody } from './body.ts';
import { createCorrespondents, createPerson, MIME } from './correspondents.contract.ts';
import { encryptBody } from './encryption.ts';
import { SESSION_KEYS_TRIED_MAX, SIGNATURES_MAX } from './limits.ts';

/** Algorithm 3, then 64 MiB of zeros. */
const BZIP2_BOMB =
  'A0JaaDkxQVkmU1kOCeLfAV+OQADAAAAIIAAwgE1GQqAlqQqAlzFBWSZTWbwEtcMAonXAAMAAAAggACCkCDYyiohNKiohOLuSKcKEhQC7g+g';

describe('hostile bodies', () => {
  test('for others are not for us', async () => {
    const { alice, bob, seal, binding } = await createCorrespondents();
    const carol = await createPerson('carol');
    const body = await seal();
    expect(bob).not.toBe(carol);
    await expect(
      openBody({ body, secrets: carol.secrets, binding, signers: [alice.certificate] }),
    ).rejects.toMatchObject({ code: 'not_for_us' });
  });

  test('with any byte changed never yield a text', async () => {
    const { seal, open } = await createCorrespondents();
    const body = await seal();
    for (let at = 0; at < body.length; at++) {
      const changed = body.with(at, (body[at] ?? 0) ^ (1 << (at % 8)));
      // Alice's own session key packet is not Bob's to judge: damage to it leaves his mail whole.
      const outcome = await open(changed).catch((error: unknown) => error);
      if (isOpened(outcome)) expect(outcome.mime).toEqual(MIME);
      else
        expect(outcome).toMatchObject({ code: expect.stringMatching(/^(malformed|tampered|not_for_us|too_large)$/) });
    }
  });

  test('cut short or lengthened are refused', async () => {
    const { seal, open } = await createCorrespondents();
    const body = await seal();
    for (let length = 0; length < body.length; length += 13)
      await expect(open(body.subarray(0, length))).rejects.toMatchObject({ code: expect.any(String) });
    await expect(open(concatBytes(body, body))).rejects.toMatchObject({ code: 'malformed' });
  });

  test('of random bytes are refused', async () => {
    const { open } = await createCorrespondents();
    const outcome = async (bytes: Uint8Array): Promise<void> => {
      await expect(open(bytes)).rejects.toMatchObject({
        code: expect.stringMatching(/^(malformed|tampered|not_for_us)$/),
      });
    };
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), outcome), { numRuns: 300 });
  });

  test('larger than a body may be are not looked at', async () => {
    const { open } = await createCorrespondents();
    await expect(open(new Uint8Array(BODY_BYTES_MAX + 1))).rejects.toMatchObject({ code: 'too_large' });
  });

  test.each([enums.compression.zip, enums.compression.zlib])(
    'that decompress without end are cut off (%i)',
    async (algorithm) => {
      const { bob, open } = await createCorrespondents();
      const body: Uint8Array = await encrypt({
        message: await createMessage({ binary: new Uint8Array(64 * 1024 * 1024) }),
        encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
        format: 'binary',
        config: { preferredCompressionAlgorithm: algorithm },
      });
      expect(body.length).toBeLessThan(BODY_BYTES_MAX);
      await expect(open(body)).rejects.toMatchObject({ code: 'too_large' });
    },
  );

  test.each([
    ['in the clear', enums.compression.uncompressed],
    ['compressed to a few bytes', enums.compression.zlib],
  ])('of countless empty packets, %s, are refused before they are read', async (_, algorithm) => {
    const { bob, open } = await createCorrespondents();
    const packets = new Uint8Array(1024 * 1024).map((_value, index) => (index % 2 === 0 ? 0xff : 0));
    const message = await createMessage({ binary: new Uint8Array() });
    const list = new PacketList<(typeof message.packets)[number]>();
    list.push(...message.packets);
    Object.assign(list, { write: () => packets });
    const body: Uint8Array = await encrypt({
      message: new Message(list),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      format: 'binary',
      config: { preferredCompressionAlgorithm: algorithm },
    });
    await expect(open(body)).rejects.toMatchObject({ code: 'too_large' });
  });

  test('of countless empty packets outside the encryption are refused as well', async () => {
    const { open } = await createCorrespondents();
    const packets = new Uint8Array(BODY_BYTES_MAX).map((_value, index) => (index % 2 === 0 ? 0xff : 0));
    await expect(open(packets)).rejects.toMatchObject({ code: 'malformed' });
  });

  test('encrypted in a form that our certificate does not offer are refused', async () => {
    const { bob, open } = await createCorrespondents();
    const encryptionKeys = await readPrivateKey({ binaryKey: bob.secrets.secretKey });
    const sessionKey = { data: new Uint8Array(32), algorithm: 'aes256', aeadAlgorithm: 'ocb' } as const;
    const message = await createMessage({ binary: MIME });
    const body: Uint8Array = await encrypt({ message, encryptionKeys, sessionKey, format: 'binary' });
    await expect(open(body)).rejects.toMatchObject({ code: 'malformed' });
  });

  test('that are a bomb of bzip2, which openpgp.js does not make, are cut off', async () => {
    const { bob, open } = await createCorrespondents();
    const bomb = fromBase64(BZIP2_BOMB);
    const message = await createMessage({ binary: new Uint8Array() });
    Object.assign(message.packets, { write: () => concatBytes(Uint8Array.of(0xc8, bomb.length), bomb) });
    const encryptionKeys = await readPrivateKey({ binaryKey: bob.secrets.secretKey });
    const body: Uint8Array = await encrypt({ message, encryptionKeys, format: 'binary' });
    await expect(open(body)).rejects.toMatchObject({ code: 'too_large' });
  });

  test('that are not encrypted, but signed or plain, are refused', async () => {
    const { alice, open } = await createCorrespondents();
    const message = await createMessage({ binary: MIME });
    const signingKeys = await readPrivateKey({ binaryKey: alice.secrets.secretKey });
    const signed: Uint8Array = await sign({ message, signingKeys, format: 'binary' });
    for (const bytes of [signed, message.write() as Uint8Array])
      await expect(open(bytes)).rejects.toMatchObject({ code: 'not_for_us' });
  });

  test('with more session keys for us than anybody needs are refused before any is tried', async () => {
    const { bob, deps, open } = await createCorrespondents();
    const body = await encryptBody(deps, { mime: MIME, certificates: [bob.certificate] });
    const { packets } = await readMessage({ binaryMessage: body });
    const many = new PacketList<(typeof packets)[number]>();
    const [sessionKey, data] = packets;
    if (sessionKey === undefined || data === undefined) throw new Error('a body has two packets');
    for (let count = 0; count <= SESSION_KEYS_TRIED_MAX; count++) many.push(sessionKey);
    many.push(data);
    await expect(open(many.write())).rejects.toMatchObject({ code: 'malformed' });
  });

  test('with a hidden recipient are tried and read', async () => {
    const { bob, open } = await createCorrespondents();
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      wildcard: true,
      format: 'binary',
    });
    expect((await open(body)).mime).toEqual(MIME);
  });

  test('with more signatures than anybody makes are refused before any is checked', async () => {
    const { alice, bob, open } = await createCorrespondents();
    const key = await readPrivateKey({ binaryKey: alice.secrets.secretKey });
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      signingKeys: new Array(SIGNATURES_MAX + 1).fill(key),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      format: 'binary',
    });
    await expect(open(body)).rejects.toMatchObject({ code: 'malformed' });
  });
});

function isOpened(outcome: unknown): outcome is { mime: Uint8Array } {
  return outcome !== null && typeof outcome === 'object' && 'mime' in outcome;
}
