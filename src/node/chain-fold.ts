/**
 * A signed chain as a function of the set of its links, whichever feed brings which first. Each version is the link that
 * follows the version before; of rivals the one with the lowest hash. A link that waits for the one before, or lost to a
 * rival, is kept aside as a candidate with its bytes; the one that was chosen has them in the chain itself.
 */
import { concatBytes, fromHex, readUint32, writeUint32 } from '../base/index.ts';
import { under } from '../store/index.ts';
import { RIVALS_MAX } from './limits.ts';
import type { ViewBuffer } from './view-buffer.ts';
import { decodeLocations, encodeLocations, type Location, sortLocations } from './view-rows.ts';

/** One chain: where it stands, and what may follow what. */
export interface ChainPlace {
  /** Rows of candidates: this, version, hash. */
  candidates(version: number): Uint8Array;
  /** The row of the chosen link. */
  chosen(version: number): Uint8Array;
  /** Whether `next` may follow `current` (undefined: `next` is version 1). */
  links(current: Uint8Array | undefined, next: Uint8Array): boolean;
  hashOf(document: Uint8Array): string;
}

export interface ChainLink {
  readonly version: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
  /** Where its body block is; undefined: it has none. */
  readonly body: Location | undefined;
}

interface Candidate {
  readonly bodies: readonly Location[];
  /** Empty for the chosen one. */
  readonly bytes: Uint8Array;
}

/** Takes a link; the chain's rows are then what the links so far make of it. */
export async function foldLink(buffer: ViewBuffer, place: ChainPlace, link: ChainLink): Promise<void> {
  const key = candidateKey(place, link.version, link.hash);
  const row = await buffer.get(key);
  const before = row === undefined ? undefined : decodeCandidate(row);
  const bodies = sortLocations([...(before?.bodies ?? []), ...(link.body === undefined ? [] : [link.body])]);
  buffer.put(key, encodeCandidate({ bodies, bytes: before?.bytes ?? link.bytes }));
  if (before === undefined) await choose(buffer, place, link.version);
}

/** Where the newest body of the chain is: of the last link that brought one. */
export async function newestBody(buffer: ViewBuffer, place: ChainPlace, from: number): Promise<Location | undefined> {
  let version = from;
  while ((await buffer.get(place.chosen(version + 1))) !== undefined) version += 1;
  for (; version > 0; version--) {
    const chosen = await buffer.get(place.chosen(version));
    if (chosen === undefined) continue;
    const row = await buffer.get(candidateKey(place, version, place.hashOf(chosen)));
    const [body] = row === undefined ? [] : decodeCandidate(row).bodies;
    if (body !== undefined) return body;
  }
  return undefined;
}

/** Chooses anew from a version on, as far as the choice differs from what it was. */
async function choose(buffer: ViewBuffer, place: ChainPlace, from: number): Promise<void> {
  let current = from === 1 ? undefined : await buffer.get(place.chosen(from - 1));
  if (from > 1 && current === undefined) return;
  for (let version = from; ; version++) {
    const before = await buffer.get(place.chosen(version));
    const next: Uint8Array | undefined =
      version > from && current === undefined ? undefined : await best(buffer, place, version, current, before);
    const isSame =
      before === undefined || next === undefined ? before === next : place.hashOf(before) === place.hashOf(next);
    if (isSame) return;
    if (before !== undefined) await setBytes(buffer, place, version, before, before);
    if (next !== undefined) await setBytes(buffer, place, version, next, EMPTY);
    buffer.put(place.chosen(version), next);
    current = next;
  }
}

/** Of the candidates for a version that follow `current`, the one with the lowest hash. */
async function best(
  buffer: ViewBuffer,
  place: ChainPlace,
  version: number,
  current: Uint8Array | undefined,
  chosen: Uint8Array | undefined,
): Promise<Uint8Array | undefined> {
  // Rows come in the order of their keys, which end with the hash.
  const rows = await buffer.range({ ...under(place.candidates(version)), limit: RIVALS_MAX });
  for (const { value } of rows) {
    const { bytes } = decodeCandidate(value);
    const document = bytes.length > 0 ? bytes : chosen;
    if (document !== undefined && place.links(current, document)) return document;
  }
  return undefined;
}

async function setBytes(
  buffer: ViewBuffer,
  place: ChainPlace,
  version: number,
  document: Uint8Array,
  bytes: Uint8Array,
): Promise<void> {
  const key = candidateKey(place, version, place.hashOf(document));
  const row = await buffer.get(key);
  buffer.put(key, encodeCandidate({ bodies: row === undefined ? [] : decodeCandidate(row).bodies, bytes }));
}

function candidateKey(place: ChainPlace, version: number, hash: string): Uint8Array {
  return concatBytes(place.candidates(version), fromHex(hash));
}

function encodeCandidate({ bodies, bytes }: Candidate): Uint8Array {
  const locations = encodeLocations(bodies);
  const size = new Uint8Array(4);
  writeUint32(size, 0, locations.length);
  return concatBytes(size, locations, bytes);
}

function decodeCandidate(row: Uint8Array): Candidate {
  const end = 4 + readUint32(row, 0);
  return { bodies: decodeLocations(row.subarray(4, end)), bytes: row.subarray(end) };
}

const EMPTY = new Uint8Array(0);
