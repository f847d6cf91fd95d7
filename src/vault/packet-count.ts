/**
 * How many packets an OpenPGP packet sequence has, before anything is made of them. openpgp.js has no bound, and takes some
 * twenty microseconds for each: two bytes suffice for a packet that is read and ignored, so a body of 2 MiB, or a few KiB
 * compressed, would keep a reader busy for a minute. Lengths are read as openpgp.js reads them (RFC 9580, 4.2); a sequence
 * that ends early is left to it to refuse.
 */
import { PACKETS_MAX, PARTIAL_CHUNKS_MAX } from './limits.ts';

export type PacketCount = 'few' | 'too_many';

export function judgePacketCount(bytes: Uint8Array): PacketCount {
  let packets = 0;
  let chunks = 0;
  for (let at = 0; at < bytes.length; ) {
    if (++packets > PACKETS_MAX) return 'too_many';
    const header = bytes[at++] ?? 0;
    if ((header & 0x40) === 0) {
      at = endOfOldFormat(bytes, at, header & 3);
      continue;
    }
    for (let isPartial = true; isPartial; ) {
      isPartial = isPartialLength(bytes[at]);
      if (isPartial && ++chunks > PARTIAL_CHUNKS_MAX) return 'too_many';
      at = endOfNewFormat(bytes, at);
    }
  }
  return 'few';
}

/** Where the packet whose length is at `at` ends; length type 3 has none, it goes to the end. */
function endOfOldFormat(bytes: Uint8Array, at: number, lengthType: number): number {
  if (lengthType === 3) return bytes.length;
  const lengthBytes = 1 << lengthType;
  return at + lengthBytes + readNumber(bytes, at, lengthBytes);
}

/** Where the chunk whose length is at `at` ends. */
function endOfNewFormat(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 192) return at + 1 + first;
  if (first < 224) return at + 2 + ((first - 192) << 8) + readNumber(bytes, at + 1, 1) + 192;
  if (first < 255) return at + 1 + 2 ** (first & 31);
  return at + 5 + readNumber(bytes, at + 1, 4);
}

function isPartialLength(first: number | undefined): boolean {
  return first !== undefined && first >= 224 && first < 255;
}

function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let offset = 0; offset < size; offset++) value = value * 256 + (bytes[at + offset] ?? 0);
  return value;
}
