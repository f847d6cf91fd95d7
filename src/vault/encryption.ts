/**
 * Encrypting to certificates: one session key packet for each, then the data (SEIPDv1, AES-256). AES-256 and SEIPDv1 are
 * fixed rather than negotiated: every program of the last twenty years reads them, and a list of recipients cannot be used
 * to talk a message down. Each certificate is judged at its own moment, so one with a date far ahead harms no other.
 */
import { createMessage, encrypt, encryptSessionKey, type Message } from 'openpgp';
import { type Clock, concatBytes, invariant, type SecureRandom } from '../base/index.ts';
import { BODY_BYTES_MAX } from '../protocol/index.ts';
import { type Certificate, momentFor, publicKeyOf } from './certificate.ts';
import { FULL_SETTINGS, SETTINGS } from './openpgp-settings.ts';
import { VaultError } from './vault-error.ts';

export interface SealingDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
}

/** A mail body without a signature: what a gateway makes of mail that came in the clear. Throws VaultError. */
export async function encryptBody(
  deps: SealingDeps,
  request: { readonly mime: Uint8Array; readonly certificates: readonly Certificate[] },
): Promise<Uint8Array> {
  const date = new Date(deps.clock.now());
  return encryptTo(
    deps,
    request.certificates,
    await literalMessage(request.mime, date, BODY_BYTES_MAX),
    BODY_BYTES_MAX,
  );
}

/** Inside the vault only: the exact bytes as binary literal data without a name. */
export function literalMessage(mime: Uint8Array, date: Date, bytesMax: number): Promise<Message<Uint8Array>> {
  if (mime.length > bytesMax) throw tooLarge(bytesMax);
  return createMessage({ binary: mime, format: 'binary', date });
}

/** Inside the vault only. */
export async function encryptTo(
  { clock, random }: SealingDeps,
  certificates: readonly Certificate[],
  message: Message<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array> {
  invariant(certificates.length > 0, 'a body is encrypted to somebody');
  const once = [...new Map(certificates.map((certificate) => [certificate.fingerprint, certificate])).values()];
  const sessionKey = { data: random.bytes(32), algorithm: 'aes256' } as const;
  const now = clock.now();
  const packets = await Promise.all(
    once.map(async (certificate): Promise<Uint8Array> => {
      const date = momentFor(certificate, now);
      await checkUsable(certificate, date);
      return encryptSessionKey({
        ...sessionKey,
        encryptionKeys: publicKeyOf(certificate),
        date,
        format: 'binary',
        config: SETTINGS,
      });
    }),
  );
  const data: Uint8Array = await encrypt({ message, sessionKey, format: 'binary', config: SETTINGS });
  const body = concatBytes(...packets, data);
  if (body.length > bytesMax) throw tooLarge(bytesMax);
  return body;
}

async function checkUsable(certificate: Certificate, date: Date): Promise<void> {
  try {
    await publicKeyOf(certificate).getEncryptionKey(undefined, date, undefined, FULL_SETTINGS);
  } catch (cause) {
    throw new VaultError('unusable_certificate', 'a recipient’s certificate is expired, revoked or cannot encrypt', {
      fix: 'Ask the recipient for a new certificate.',
      details: { fingerprint: certificate.fingerprint, addresses: certificate.addresses },
      cause,
    });
  }
}

function tooLarge(bytesMax: number): VaultError {
  return new VaultError('too_large', `what is encrypted has at most ${bytesMax} bytes`);
}
