/** Where federation keeps its rows: all under `D`, none of them a view of entries. */
import { concatBytes, uint64Bytes, utf8 } from '../base/index.ts';
import type { HomeName } from '../protocol/index.ts';

const ZERO = Uint8Array.of(0);

export interface Bounds {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Every key that begins with `prefix`. */
function under(prefix: Uint8Array): Bounds {
  return { from: prefix, to: concatBytes(prefix, new Uint8Array(16).fill(0xff)) };
}

function ofHome(tag: string, home: HomeName): Uint8Array {
  return concatBytes(utf8(`D${tag}`), utf8(home), ZERO);
}

/** The pinned chain of another home: `Dh home 0 version` → document. */
export function pinnedKey(home: HomeName, version: number): Uint8Array {
  return concatBytes(ofHome('h', home), uint64Bytes(version));
}
export function pinnedVersions(home: HomeName): Bounds {
  return under(ofHome('h', home));
}

/** When that chain was last seen where it is published: `Dc home 0` → milliseconds since 1970. */
export function checkedKey(home: HomeName): Uint8Array {
  return ofHome('c', home);
}
