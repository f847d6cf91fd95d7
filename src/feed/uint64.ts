/** 64-bit big-endian integers without BigInt, for the loops that hash and key every block. */

const TWO_32 = 2 ** 32;

/** Writes 8 bytes at `offset`; `value` is a safe integer from 0. */
export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  const low = value >>> 0; // exactly the low 32 bits, whatever the size
  bytes[offset] = high >>> 24;
  bytes[offset + 1] = high >>> 16;
  bytes[offset + 2] = high >>> 8;
  bytes[offset + 3] = high;
  bytes[offset + 4] = low >>> 24;
  bytes[offset + 5] = low >>> 16;
  bytes[offset + 6] = low >>> 8;
  bytes[offset + 7] = low;
}

/** The 8 bytes at `offset`; a value beyond 2^53-1 comes back as an unsafe integer, which the caller refuses. */
export function peekUint64(bytes: Uint8Array, offset: number): number {
  return peekUint32(bytes, offset) * TWO_32 + peekUint32(bytes, offset + 4);
}

function peekUint32(bytes: Uint8Array, offset: number): number {
  const [a, b, c, d] = [bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]];
  return (((a as number) << 24) | ((b as number) << 16) | ((c as number) << 8) | (d as number)) >>> 0;
}
