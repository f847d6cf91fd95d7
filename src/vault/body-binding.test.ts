import {
  createMessage,
  decryptSessionKeys,
  encrypt,
  encryptSessionKey,
  enums,
  Message,
  PacketList,
  readMessage,
  readPrivateKey,
  sign,
} from 'openpgp';
import { describe, expect, test } from 'vitest';
import { concatBytes, utf8 } from '../base/index.ts';
import { type ConversationId, parseAddress } from '../protocol/index.ts';
import { openBody, sealBody } from './body.ts';
import type { BodyBinding } from './body-binding.ts';
import { createCorrespondents, createPerson, MIME, NOW } from './correspondents.contract.ts';

describe('a signature', () => {
  test.each([
    ['type', { type: 'note' }],
    ['conversation', { conversation: 'ffeeddccbbaa99887766554433221100' as ConversationId }],
    ['author', { author: parseAddress('bob@home.example') }],
    ['recipients', { recipients: [parseAddress('carol@home.example')] }],
    ['recipients', { recipients: [parseAddress('bob@home.example'), parseAddress('carol@home.example')] }],
    ['time', { time: NOW + 124 }],
  ] as const)('under a header with another %s is rebound', async (field, change) => {
    const { alice, seal, open, binding } = await createCorrespondents();
    const opened = await open(await seal(), { ...binding, ...change });
    const { fingerprint } = alice.certificate;
    expect(opened).toEqual({ mime: MIME, verification: { status: 'rebound', fingerprint, field } });
  });

  test('binds recipients as a set, and a long list by its hash', async () => {
    const { alice, bob, deps, binding } = await createCorrespondents();
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
    const { alice, bob, seal, binding } = await createCorrespondents();
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
    const { bob, seal, open, binding } = await createCorrespondents();
    const opened = await open(await seal(), binding, [bob.certificate]);
    expect(opened.mime).toEqual(MIME);
    expect(opened.verification).toMatchObject({
      status: 'unknown_signer',
      keyId: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect((await open(await seal(), binding, [])).verification.status).toBe('unknown_signer');
  });

  test('over another text is wrong', async () => {
    const { alice, bob, open } = await createCorrespondents();
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
    const { alice, bob, open } = await createCorrespondents();
    const body: Uint8Array = await encrypt({
      message: await createMessage({ binary: MIME }),
      signingKeys: await readPrivateKey({ binaryKey: alice.secrets.secretKey }),
      encryptionKeys: await readPrivateKey({ binaryKey: bob.secrets.secretKey }),
      format: 'binary',
    });
    expect((await open(body)).verification).toMatchObject({ status: 'verified', bound: false });
  });

  test('with only some of our notations is rebound', async () => {
    const { alice, bob, open, binding } = await createCorrespondents();
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
    const { alice, bob, open } = await createCorrespondents();
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

function isLiteral(packet: unknown): boolean {
  return (packet as { constructor: { tag: number } }).constructor.tag === enums.packet.literalData;
}

function literalOf(message: Message<Uint8Array>): Message<Uint8Array>['packets'][number] {
  const [literal] = message.packets;
  if (literal === undefined) throw new Error('a literal message has a packet');
  return literal;
}
