/**
 * Who signed, judged by the certificates that the caller trusts for the author. Time plays no part: a signature counts if
 * its key was valid when it says it was made, whatever our clock shows, so old mail stays verified and a clock that is
 * wrong unverifies nothing. A wrong signature is a finding, not an error: the text is returned with it.
 */
import {
  createMessage,
  enums,
  type Message,
  readSignature,
  type SignaturePacket,
  UnparseablePacket,
  type VerifyMessageResult,
  verify,
} from 'openpgp';
import { type BodyBinding, type BoundField, judgeBinding } from './body-binding.ts';
import { type Certificate, publicKeyOf } from './certificate.ts';
import { SIGNATURE_BYTES_MAX, SIGNATURES_MAX } from './limits.ts';
import { SETTINGS } from './openpgp-settings.ts';
import { VaultError } from './vault-error.ts';

type SignatureResult = VerifyMessageResult['signatures'][number];

export type Verification =
  /** `bound`: the signature also names this conversation, author, recipients, kind and time. */
  | { readonly status: 'verified'; readonly fingerprint: string; readonly signedAt: number; readonly bound: boolean }
  | { readonly status: 'unsigned' }
  /** By a key of none of the certificates given; its id in hexadecimal, which anybody could have written. */
  | { readonly status: 'unknown_signer'; readonly keyId: string }
  | { readonly status: 'wrong_signature'; readonly fingerprint: string }
  /** Rightly signed by `fingerprint`, but for another header: `field` differs. */
  | { readonly status: 'rebound'; readonly fingerprint: string; readonly field: BoundField };

export interface DetachedSignature {
  readonly bytes: Uint8Array;
  /** Binary or armored (PGP/MIME). */
  readonly signature: Uint8Array | string;
  readonly signers: readonly Certificate[];
}

/** A signature beside its text, as in signed mail from elsewhere. Throws VaultError `too_large` or `malformed`. */
export async function verifyDetached({ bytes, signature, signers }: DetachedSignature): Promise<Verification> {
  if (signature.length > SIGNATURE_BYTES_MAX)
    throw new VaultError('too_large', `a signature has at most ${SIGNATURE_BYTES_MAX} bytes`);
  try {
    const read = await (typeof signature === 'string'
      ? readSignature({ armoredSignature: signature, config: SETTINGS })
      : readSignature({ binarySignature: signature.slice(), config: SETTINGS }));
    if (read.packets.length > SIGNATURES_MAX) throw tooManySignatures();
    const { signatures } = await verify({
      message: await createMessage({ binary: bytes }),
      signature: read,
      verificationKeys: signers.map(publicKeyOf),
      format: 'binary',
      date: null,
      config: SETTINGS,
    });
    return await judgeSignatures(signatures, signers, undefined);
  } catch (error) {
    if (error instanceof VaultError) throw error;
    throw new VaultError('malformed', 'not an OpenPGP signature', { cause: error });
  }
}

/** Inside the vault only: the text of a decrypted message, and who signed it. */
export async function readSigned(
  message: Message<Uint8Array>,
  signers: readonly Certificate[],
  binding: BodyBinding | undefined,
): Promise<{ text: Uint8Array; verification: Verification }> {
  const keyIds = message.getSigningKeyIDs();
  // One-pass signatures announce as many signatures as follow (the grammar holds a message to it), so this bounds both.
  if (keyIds.length > SIGNATURES_MAX) throw tooManySignatures();
  const read = await verify({
    message,
    verificationKeys: signers.map(publicKeyOf),
    format: 'binary',
    date: null,
    config: SETTINGS,
  }).catch((cause: unknown) => {
    throw new VaultError('malformed', 'what was encrypted is not one text with its signatures', { cause });
  });
  const text: Uint8Array = read.data;
  const [announced] = keyIds;
  if (read.signatures.length === 0 && announced !== undefined)
    return { text, verification: { status: 'unknown_signer', keyId: announced.toHex() } };
  if (read.signatures.length === 0 && hasUnreadableSignature(message))
    return { text, verification: { status: 'unknown_signer', keyId: '' } };
  return { text, verification: await judgeSignatures(read.signatures, signers, binding) };
}

/** The best finding among a few signatures: one that verifies and is bound, then one that verifies, then what is wrong. */
async function judgeSignatures(
  signatures: readonly SignatureResult[],
  signers: readonly Certificate[],
  binding: BodyBinding | undefined,
): Promise<Verification> {
  const findings = await Promise.all(signatures.map((signature) => judgeSignature(signature, signers, binding)));
  findings.sort((a, b) => rankOf(a) - rankOf(b));
  return findings[0] ?? { status: 'unsigned' };
}

function rankOf(verification: Verification): number {
  if (verification.status === 'verified') return verification.bound ? 0 : 1;
  return ['rebound', 'wrong_signature', 'unknown_signer', 'unsigned'].indexOf(verification.status) + 2;
}

async function judgeSignature(
  signature: SignatureResult,
  signers: readonly Certificate[],
  binding: BodyBinding | undefined,
): Promise<Verification> {
  const signer = signers.find((certificate) => publicKeyOf(certificate).getKeys(signature.keyID).length > 0);
  if (signer === undefined) return { status: 'unknown_signer', keyId: signature.keyID.toHex() };
  const { fingerprint } = signer;
  const isRight = await signature.verified.catch(() => false);
  const packet = (await signature.signature).packets[0] as SignaturePacket | undefined;
  if (!isRight || packet === undefined) return { status: 'wrong_signature', fingerprint };
  const signedAt = packet.created?.getTime() ?? 0;
  const verdict = binding === undefined ? ({ kind: 'unbound' } as const) : judgeBinding(packet.rawNotations, binding);
  if (verdict.kind === 'rebound') return { status: 'rebound', fingerprint, field: verdict.field };
  return { status: 'verified', fingerprint, signedAt, bound: verdict.kind === 'bound' };
}

/** A signature of a version or algorithm that openpgp.js cannot read is still a signature. */
function hasUnreadableSignature(message: Message<Uint8Array>): boolean {
  const tags: readonly number[] = [enums.packet.onePassSignature, enums.packet.signature];
  return message
    .unwrapCompressed()
    .packets.some((packet) => packet instanceof UnparseablePacket && tags.includes(packet.tag));
}

function tooManySignatures(): VaultError {
  return new VaultError('malformed', `more than ${SIGNATURES_MAX} signatures on one text`);
}
