/**
 * How openpgp.js is used, in one place. v4 keys, legacy Curve25519 and SEIPDv1 are what GnuPG 2.2 reads and what we write; of
 * RFC 9580 the certificates are read, its encryption is neither written nor read. Nothing unauthenticated is ever released,
 * and nothing we write is compressed: the length of compressed mail tells about its content to whoever can have something
 * put into it (the CRIME attack's oracle).
 */
import { type Config, config, enums, PacketList, type PartialConfig } from 'openpgp';
import { OPENED_BYTES_MAX, PACKETS_MAX } from './limits.ts';
import { judgePacketCount } from './packet-count.ts';

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

/** What the refusal of too many packets says; openpgp.js hands on the text of an error, not always the error. */
export const TOO_MANY_PACKETS = `Maximum number of packets (${PACKETS_MAX}) exceeded`;

// openpgp.js has no option that bounds the packets of a sequence, and what is encrypted or compressed is a sequence that
// only it sees. All sequences come through this one function of it. Streams, which it makes of armor, are left alone: armor
// is read only where SIGNATURE_BYTES_MAX bounds it.
const readPackets = PacketList.fromBinary.bind(PacketList);
PacketList.fromBinary = (bytes, ...rest) => {
  if (bytes instanceof Uint8Array && judgePacketCount(bytes) === 'too_many')
    return Promise.reject(new Error(TOO_MANY_PACKETS));
  return readPackets(bytes, ...rest);
};
