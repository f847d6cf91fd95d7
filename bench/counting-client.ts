/** A client that only counts: it walks the tags of a frame and reads no entry. */

const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** NodeFrame.entries and Entries.entries of client.proto. */
const ENTRIES_FIELD = 4;
const ENTRY_FIELD = 3;

/** Entries in one frame of a node; 0 for frames of other kinds. */
export function countEntries(frame: Uint8Array): number {
  let count = 0;
  for (const [field, from, to] of fieldsOf(frame, 0, frame.length))
    if (field === ENTRIES_FIELD) for (const [inner] of fieldsOf(frame, from, to)) if (inner === ENTRY_FIELD) count += 1;
  return count;
}

function* fieldsOf(bytes: Uint8Array, from: number, to: number): Generator<[field: number, from: number, to: number]> {
  for (let at = from; at < to; ) {
    const tag = readVarint(bytes, at);
    const value = readVarint(bytes, tag.end);
    const isBytes = (tag.value & 7) === LENGTH_DELIMITED;
    if (!isBytes && (tag.value & 7) !== VARINT) throw new Error(`no such wire type in the protocol: ${tag.value & 7}`);
    const end = isBytes ? value.end + value.value : value.end;
    yield [tag.value >>> 3, value.end, end];
    at = end;
  }
}

function readVarint(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0;
  for (let at = from, factor = 1; ; at++, factor *= 128) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('a frame ends within a number');
    value += (byte & 127) * factor;
    if (byte < 128) return { value, end: at + 1 };
  }
}
