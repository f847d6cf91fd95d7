/**
 * How openpgp.js is used, in one place. v4 keys, legacy Curve25519 and SEIPDv1 are what GnuPG 2.2 reads; what RFC 9580
 * adds is read but never written. Nothing unauthenticated is ever released, and nothing we write is compressed: the length
 * of compressed mail tells about its content to whoever can have something put into it (the CRIME attack's oracle).
 */
import { type Config, config, enums, type PartialConfig } from 'openpgp';
import { OPENED_BYTES_MAX } from './limits.ts';

export const SETTINGS: PartialConfig = Object.freeze({
  v6Keys: false,
  aeadProtect: false,
  preferredSymmetricAlgorithm: enums.symmetric.aes256,
  preferredHashAlgorithm: enums.hash.sha512,
  preferredCompressionAlgorithm: enums.compression.uncompressed,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  allowMissingKeyFlags: false,
  ignoreMalformedPackets: false,
  enforceGrammar: true,
  maxDecompressedMessageSize: OPENED_BYTES_MAX,
  showVersion: false,
  showComment: false,
});

/** The same over the defaults, for the methods of openpgp.js that take a whole configuration. */
export const FULL_SETTINGS: Config = Object.freeze({ ...config, ...SETTINGS });
