/**
 * The body of a mail or note: the exact MIME bytes, signed by the author's OpenPGP key together with what they were written
 * for (body-binding.ts), then encrypted to everybody who may read it. Any bytes come back as they were, malformed mail
 * included. Opening needs no clock and works with every encryption subkey the account ever had.
 */
import { type AnyPacket, enums, Message, PacketList, type PrivateKey, readMessage, sign } from 'openpgp';
import { BODY_BYTES_MAX } from '../protocol/index.ts';
import { unlockedKeyOf } from './account-key.ts';
import type { AccountSecrets } from './account-secrets.ts';
import { type BodyBinding, bindingNotations } from './body-binding.ts';
import { type Certificate, latestSelfSignature } from './certificate.ts';
import { encryptTo, literalMessage, type SealingDeps } from './encryption.ts';
import { SESSION_KEYS_TRIED_MAX } from './limits.ts';
import { FULL_SETTINGS, SETTINGS, TOO_MANY_PACKETS } from './openpgp-settings.ts';
import { VaultError } from './vault-error.ts';
import { readSigned, type Verification } from './verification.ts';

export interface SealRequest {
  readonly mime: Uint8Array;
  /** The author's. */
  readonly secrets: AccountSecrets;
  /** Of everybody who may read it, the author included. */
  readonly certificates: readonly Certificate[];
  /** The PDU that will carry the body, or the fields of it. */
  readonly binding: BodyBinding;
  /** Of ordinary mail, which is no body; default: what a body may have. */
  readonly bytesMax?: number | undefined;
}

export interface OpenRequest {
  readonly body: Uint8Array;
  /** The reader's. */
  readonly secrets: AccountSecrets;
  /** The PDU that carried the body. */
  readonly binding: BodyBinding;
  /** The author's certificates, from the account chain. */
  readonly signers: readonly Certificate[];
}

export interface OpenedBody {
  readonly mime: Uint8Array;
  readonly verification: Verification;
}

/** Throws VaultError `too_large` or `unusable_certificate`. */
export async function sealBody(deps: SealingDeps, request: SealRequest): Promise<Uint8Array> {
  const key = await unlockedKeyOf(request.secrets);
  // Never before the key itself: a clock set back would make a signature that nobody accepts.
  const date = new Date(Math.max(deps.clock.now(), latestSelfSignature(key)));
  const { bytesMax = BODY_BYTES_MAX } = request;
  const signed = await sign({
    message: await literalMessage(request.mime, date, bytesMax),
    signingKeys: key,
    signatureNotations: bindingNotations(request.binding),
    date,
    format: 'object',
    config: SETTINGS,
  });
  return encryptTo(deps, request.certificates, signed, bytesMax);
}

/** Throws VaultError `too_large`, `malformed`, `not_for_us` or `tampered`; who signed is a finding, never an error. */
export async function openBody({ body, secrets, binding, signers }: OpenRequest): Promise<OpenedBody> {
  if (body.length > BODY_BYTES_MAX) throw new VaultError('too_large', `a body has at most ${BODY_BYTES_MAX} bytes`);
  const key = await unlockedKeyOf(secrets);
  const message = keepWhatIsOurs(key, await readEncrypted(body));
  const { text, verification } = await readSigned(await decrypt(key, message), signers, binding);
  return { mime: text, verification };
}

async function readEncrypted(body: Uint8Array): Promise<Message<Uint8Array>> {
  try {
    return await readMessage({ binaryMessage: body, config: SETTINGS });
  } catch (cause) {
    throw new VaultError('malformed', 'not an OpenPGP message', { cause });
  }
}

async function decrypt(key: PrivateKey, message: Message<Uint8Array>): Promise<Message<Uint8Array>> {
  try {
    return await message.decrypt([key], undefined, undefined, undefined, FULL_SETTINGS);
  } catch (cause) {
    // openpgp.js tells its failures apart by their text only.
    const text = cause instanceof Error ? cause.message : '';
    if (/Maximum decompressed (message )?size/.test(text) || text.includes(TOO_MANY_PACKETS))
      throw new VaultError('too_large', 'the body holds more bytes or packets than a mail has', { cause });
    throw new VaultError('tampered', 'the body does not decrypt: it was changed on its way, or never was whole', {
      cause,
    });
  }
}

/**
 * The message without the session keys of others, which cost a key agreement each to try, and only in the form that our
 * certificates offer: the AEAD forms of later standards come out of openpgp.js as a stream whose packets nobody counts.
 */
function keepWhatIsOurs(key: PrivateKey, message: Message<Uint8Array>): Message<Uint8Array> {
  const ours = new Set([HIDDEN_RECIPIENT, ...key.getKeyIDs().map((id) => id.toHex())]);
  const keyIds = message.getEncryptionKeyIDs();
  const sessionKeys = message.packets
    .filterByTag(enums.packet.publicKeyEncryptedSessionKey)
    .filter((_, index) => ours.has(keyIds[index]?.toHex() ?? ''));
  if (sessionKeys.length === 0) throw new VaultError('not_for_us', 'the body is encrypted to none of our keys');
  if (sessionKeys.length > SESSION_KEYS_TRIED_MAX)
    throw new VaultError('malformed', `more than ${SESSION_KEYS_TRIED_MAX} session keys for one reader`);
  const data = message.packets.findPacket(enums.packet.symEncryptedIntegrityProtectedData);
  if (data === undefined || !('version' in data) || data.version !== 1)
    throw new VaultError('malformed', 'the body is not encrypted as our certificate says (SEIPDv1)');
  const kept = new PacketList<AnyPacket>();
  kept.push(...sessionKeys, data);
  return new Message(kept);
}

/** The key id that GnuPG's --hidden-recipient writes. */
const HIDDEN_RECIPIENT = '0000000000000000';
