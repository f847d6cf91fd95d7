import fc from 'fast-check';
import {
  createMessage,
  decryptSessionKeys,
  encrypt,
  encryptSessionKey,
  enums,
  generateKey,
  Message,
  PacketList,
  readMessage,
  readPrivateKey,
  sign,
} from 'openpgp';
import { describe, expect, test } from 'vitest';
import { concatBytes, equalBytes, ManualClock, NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { BODY_BYTES_MAX, type ConversationId, parseAddress } from '../protocol/index.ts';
import { rotateEncryptionSubkey } from './account-key.ts';
import { type AccountSecrets, createAccountSecrets } from './account-secrets.ts';
import { openBody, sealBody } from './body.ts';
import type { BodyBinding } from './body-binding.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { encryptBody } from './encryption.ts';
import { SESSION_KEYS_TRIED_MAX, SIGNATURES_MAX } from './limits.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const MIME = utf8('From: alice@home.example\r\nSubject: hello\r\n\r\nHello, Bob.\r\n');

interface Person {
  readonly secrets: AccountSecrets;
  readonly certificate: Certificate;
}

async function createPerson(name: string, createdAt = NOW - DAY): Promise<Person> {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const secrets = await createAccountSecrets(deps, { address: parseAddress(`${name}@home.example`), createdAt });
  return { secrets, certificate: await parseCertificate(secrets.certificate) };
}

async function setup(now = NOW) {
  const [alice, bob] = await Promise.all([createPerson('alice'), createPerson('bob')]);
  const deps = { clock: new ManualClock(now), random: new SystemRandom() };
  const binding: BodyBinding = {
    type: 'mail',
    conversation: '00112233445566778899aabbccddeeff' as ConversationId,
    author: alice.secrets.address,
    recipients: [bob.secrets.address],
    time: NOW + 123,
  };
  const certificates = [bob.certificate, alice.certificate];
  const seal = (mime = MIME) => sealBody(deps, { mime, secrets: alice.secrets, certificates, binding });
  const open = (body: Uint8Array, expected = binding, signers = [alice.certificate]) =>
    openBody({ body, secrets: bob.secrets, binding: expected, signers });
  return { alice, bob, deps, binding, certificates, seal, open };
}

describe('a body', () => {
  test('is read by its recipient and by its author, and verified', async () => {
    const { alice, seal, open, binding } = await setup();
    const body = await seal();
    const verified = { status: 'verified', fingerprint: alice.certificate.fingerprint, signedAt: NOW, bound: true };
    expect(await open(body)).toEqual({ mime: MIME, verification: verified });
    const own = await openBody({ body, secrets: alice.secrets, binding, signers: [alice.certificate] });
    expect(own).toEqual({ mime: MIME, verification: verified });
  });

  test('comes back byte for byte, malformed mail included', async () => {
    const { seal, open } = await setup();
    const tokens = fc.constantFrom(
      '\r\n',
      '\n',
      '\r',
      '.\r\n',
      'From ',
      ' \n',
      '- ',
      '\0',
      '-----BEGIN PGP MESSAGE-----',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.array(tokens).map((parts) => utf8(parts.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (mime) => {
        const { mime: opened, verification } = await open(await seal(mime));
        expect(equalBytes(opened, mime)).toBe(true);
        expect(verification.status).toBe('verified');
      }),
      { numRuns: 60 },
    );
  });

  test('shows nothing of the text, nor, by its length, how well it compresses', async () => {
    const { seal } = await setup();
    const [dull, rich] = [utf8('a'.repeat(4096)), new SystemRandom().bytes(4096)];
    const [a, b] = await Promise.all([seal(dull), seal(rich)]);
    expect(Buffer.from(a).includes(Buffer.from('aaaaaaaa'))).toBe(false);
    expect(a.length).toBe(b.length);
  });

  test('of the largest size is taken, beyond it refused unencrypted', async () => {
    const { seal, open } = await setup();
    const largest = new SystemRandom().bytes(BODY_BYTES_MAX - 1024);
    expect(equalBytes((await open(await seal(largest))).mime, largest)).toBe(true);
    for (const size of [BODY_BYTES_MAX - 100, BODY_BYTES_MAX + 1])
      await expect(seal(new Uint8Array(size))).rejects.toMatchObject({ code: 'too_large' });
  });

  test('is encrypted once to somebody who is named twice', async () => {
    const { alice, bob, deps, binding } = await setup();
    const certificates = [bob.certificate, bob.certificate, alice.certificate];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    expect((await readMessage({ binaryMessage: body })).getEncryptionKeyIDs()).toHaveLength(2);
  });

  test('without a signature is read and said to be unsigned', async () => {
    const { bob, deps, open } = await setup();
    const body = await encryptBody(deps, { mime: MIME, certificates: [bob.certificate] });
    expect(await open(body)).toEqual({ mime: MIME, verification: { status: 'unsigned' } });
  });

  test('a certificate of version 6 is encrypted to as well', async () => {
    const { alice, deps, binding } = await setup();
    const { publicKey, privateKey } = await generateKey({
      type: 'curve25519',
      userIDs: [{ email: 'carol@other.example' }],
      date: new Date(NOW - DAY),
      config: { v6Keys: true, aeadProtect: true },
      format: 'binary',
    });
    const carol = { ...alice.secrets, secretKey: privateKey, certificate: publicKey };
    const certificates = [await parseCertificate(publicKey)];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const opened = await openBody({ body, secrets: carol, binding, signers: [alice.certificate] });
    expect(opened).toMatchObject({ mime: MIME, verification: { status: 'verified', bound: true } });
  });
});

describe('a signature', () => {
  test.each([
    ['type', { type: 'note' }],
    ['conversation', { conversation: 'ffeeddccbbaa99887766554433221100' as ConversationId }],
    ['author', { author: parseAddress('bob@home.example') }],
    ['recipients', { recipients: [parseAddress('carol@home.example')] }],
    ['recipients', { recipients: [parseAddress('bob@home.example'), parseAddress('carol@home.example')] }],
    ['time', { time: NOW + 124 }],
  ] as const)('under a header with another %s is rebound', async (field, change) => {
    const { alice, seal, open, binding } = await setup();
    const opened = await open(await seal(), { ...binding, ...change });
    const { fingerprint } = alice.certificate;
    expect(opened).toEqual({ mime: MIME, verification: { status: 'rebound', fingerprint, field } });
  });

  test('binds recipients as a set, and a long list by its hash', async () => {
    const { alice, bob, deps, binding } = await setup();
    const many = Array.from({ length: 300 }, (_, index) => parseAddress(`reader${index}@home.example`));
    const long = { ...binding, recipients: many };
    const certificates = [bob.certificate];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding: long });
    const open = (recipients: BodyBinding['recipients']) =>
      openBody({ body, secrets: bob.secrets, binding: { ...long, recipients }, signers: [alice.certificate] });
    expect((await open(many.toReversed())).verification).toMatchObject({ status: 'verified', bound: true });
    expect((await open(many.slice(1))).verification).toMatchObject({ status: 'rebound', field: 'recipients' });
  });

  test('decrypted by a recipient and encrypted anew to another person is rebound', async () => {
    const { alice, bob, seal, binding } = await setup();
    const carol = await createPerson('carol');
    const bytes = await seal();
    const message = await readMessage({ binaryMessage: bytes });
    const decryptionKeys = await readPrivateKey({ binaryKey: bob.secrets.secretKey });
    const [sessionKey] = await decryptSessionKeys({ message, decryptionKeys });
    const encryptionKeys = await readPrivateKey({ binaryKey: carol.secrets.secretKey });
    const forCarol: Uint8Array = await encryptSessionKey({
      data: sessionKey?.data ?? new Uint8Array(),
      algorithm: 'aes256',
      encryptionKeys,
      format: 'binary',
    });
    // Bob's and Alice's session key packets come first, each with a header of two bytes.
    let data = bytes;
    for (const _ of message.getEncryptionKeyIDs()) data = data.subarray(2 + (data[1] ?? 0));
    const body = concatBytes(forCarol, data);
    const resent = { ...binding, recipients: [carol.secrets.address] };
    const { verification } = await openBody({
      body,
      secrets: carol.secrets,
      binding: resent,
      signers: [alice.certificate],
    });
    expect(verification).toMatchObject({ status: 'rebound', field: 'recipients' });
  });

  test('of somebody else is unknown, whoever the header names', async () => {
    const { bob, seal, open, binding } = await setup();
    const opened = await open(await seal(), binding, [bob.certificate]);
    expect(opened.mime).toEqual(MIME);
    expect(opened.verification).toMatchObject({
      status: 'unknown_signer',
      keyId: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect((await open(await seal(), binding, [])).verification.status).toBe('unknown_signer');
  });

  test('over another text is wrong', async () => {
    const { alice, bob, open } = await setup();
    const signingKeys = await readPrivateKey({ binaryKey: alice.secrets.secretKey });
    const signed = await sign({ message: await createMessage({ binary: MIME }), signingKeys, format: 'object' });
    const other = await createMessage({ binary: utf8('Send me money.') });
    const packets = new PacketList<(typeof signed.packets)[number]>();
    for (const packet of signed.packets) packets.push(isLiteral(packet) ? literalOf(other) : packet);
    const encryptionKeys = await readPrivateKey({ binaryKey: bob.secrets.secretKey });
    const body: Uint8Array = await encrypt({ message: new Message(packets), encryptionKeys, format: 'binary' });
    const { fingerprint } = alice.certificate;
    expect((await open(body)).verification).toEqual({ status: 'wrong_signature', fingerprint });
  });

  test('without our notations verifies, and is not bound', async () => {
    const { alice, bob, open } = await setup();
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      signingKeys: await readPrivateKey({ binaryKey: alice.secrets.secretKey }),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      format: 'binary',
    });
    expect((await open(body)).verification).toMatchObject({ status: 'verified', bound: false });
  });

  test('with only some of our notations is rebound', async () => {
    const { alice, bob, open, binding } = await setup();
    const value = utf8(binding.conversation);
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      signingKeys: await readPrivateKey({ binaryKey: alice.secrets.secretKey }),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      signatureNotations: [{ name: 'conversation@restante.org', value, humanReadable: true, critical: false }],
      format: 'binary',
    });
    expect((await open(body)).verification).toMatchObject({ status: 'rebound', field: 'type' });
  });

  test('verifies beside another one that is unknown', async () => {
    const { alice, bob, open } = await setup();
    const carol = await createPerson('carol');
    const keys = await Promise.all(
      [carol, alice].map(({ secrets }) => readPrivateKey({ binaryKey: secrets.secretKey })),
    );
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      signingKeys: keys,
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      format: 'binary',
    });
    const { fingerprint } = alice.certificate;
    expect((await open(body)).verification).toMatchObject({ status: 'verified', fingerprint });
  });
});

describe('keys and clocks', () => {
  test('mail of before a rotation is read after it, and mail to the old certificate too', async () => {
    const { alice, bob, deps, binding, seal } = await setup();
    const before = await seal();
    const once = await rotateEncryptionSubkey(bob.secrets, NOW);
    const rotated = await rotateEncryptionSubkey(once, NOW + DAY);
    const certificates = [await parseCertificate(rotated.certificate)];
    const after = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const late = await seal();
    for (const body of [before, after, late]) {
      const opened = await openBody({ body, secrets: rotated, binding, signers: [alice.certificate] });
      expect(opened).toMatchObject({ mime: MIME, verification: { status: 'verified', bound: true } });
    }
    await expect(openBody({ body: after, secrets: bob.secrets, binding, signers: [] })).rejects.toMatchObject({
      code: 'not_for_us',
    });
  });

  test.each([
    ['back three days, before the key was made', -3 * DAY],
    ['ahead a year', 365 * DAY],
  ])('a clock that jumps %s stops no mail', async (_, jump) => {
    const { seal, open } = await setup(NOW + jump);
    expect((await open(await seal())).verification).toMatchObject({ status: 'verified', bound: true });
  });

  test('a recipient whose clock is ahead of ours is encrypted to', async () => {
    const { alice, deps, binding } = await setup();
    const bob = await createPerson('bob', NOW + 30 * DAY);
    const certificates = [bob.certificate];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const opened = await openBody({ body, secrets: bob.secrets, binding, signers: [alice.certificate] });
    expect(opened.mime).toEqual(MIME);
  });

  test('an expired certificate is not encrypted to, and the refusal says whose it is', async () => {
    const { alice, deps, binding } = await setup();
    const { publicKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'carol@other.example' }],
      date: new Date(NOW - 2 * DAY),
      keyExpirationTime: DAY / 1000,
      format: 'binary',
    });
    const certificates = [alice.certificate, await parseCertificate(publicKey)];
    const sealed = sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    await expect(sealed).rejects.toMatchObject({
      code: 'unusable_certificate',
      details: { addresses: ['carol@other.example'] },
    });
  });
});

describe('hostile bodies', () => {
  test('for others are not for us', async () => {
    const { alice, bob, seal, binding } = await setup();
    const carol = await createPerson('carol');
    const body = await seal();
    expect(bob).not.toBe(carol);
    await expect(
      openBody({ body, secrets: carol.secrets, binding, signers: [alice.certificate] }),
    ).rejects.toMatchObject({ code: 'not_for_us' });
  });

  test('with any byte changed never yield a text', async () => {
    const { seal, open } = await setup();
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
    const { seal, open } = await setup();
    const body = await seal();
    for (let length = 0; length < body.length; length += 13)
      await expect(open(body.subarray(0, length))).rejects.toMatchObject({ code: expect.any(String) });
    await expect(open(concatBytes(body, body))).rejects.toMatchObject({ code: 'malformed' });
  });

  test('of random bytes are refused', async () => {
    const { open } = await setup();
    const outcome = async (bytes: Uint8Array): Promise<void> => {
      await expect(open(bytes)).rejects.toMatchObject({
        code: expect.stringMatching(/^(malformed|tampered|not_for_us)$/),
      });
    };
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), outcome), { numRuns: 300 });
  });

  test('larger than a body may be are not looked at', async () => {
    const { open } = await setup();
    await expect(open(new Uint8Array(BODY_BYTES_MAX + 1))).rejects.toMatchObject({ code: 'too_large' });
  });

  test.each([enums.compression.zip, enums.compression.zlib])(
    'that decompress without end are cut off (%i)',
    async (algorithm) => {
      const { bob, open } = await setup();
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

  test('that are not encrypted, but signed or plain, are refused', async () => {
    const { alice, open } = await setup();
    const message = await createMessage({ binary: MIME });
    const signingKeys = await readPrivateKey({ binaryKey: alice.secrets.secretKey });
    const signed: Uint8Array = await sign({ message, signingKeys, format: 'binary' });
    for (const bytes of [signed, message.write() as Uint8Array])
      await expect(open(bytes)).rejects.toMatchObject({ code: 'not_for_us' });
  });

  test('with more session keys for us than anybody needs are refused before any is tried', async () => {
    const { bob, deps, open } = await setup();
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
    const { bob, open } = await setup();
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      wildcard: true,
      format: 'binary',
    });
    expect((await open(body)).mime).toEqual(MIME);
  });

  test('with more signatures than anybody makes are refused before any is checked', async () => {
    const { alice, bob, open } = await setup();
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

function isLiteral(packet: unknown): boolean {
  return (packet as { constructor: { tag: number } }).constructor.tag === enums.packet.literalData;
}

function literalOf(message: Message<Uint8Array>): Message<Uint8Array>['packets'][number] {
  const [literal] = message.packets;
  if (literal === undefined) throw new Error('a literal message has a packet');
  return literal;
}

function isOpened(outcome: unknown): outcome is { mime: Uint8Array } {
  return outcome !== null && typeof outcome === 'object' && 'mime' in outcome;
}
