/**
 * The index in every entry of a drive's metadata (append-tree): for each folder on the way to the file, which entry was
 * the last below each of its children, so that a reader finds any name in a few steps. Kept by writers as a tree in memory;
 * coded as lists of entry numbers, ascending, by their differences.
 */
import { ByteWriter } from '../wire/byte-writer.ts';

interface Folder {
  /** The last entry at or below each child, in ascending order of entries. */
  readonly latest: Map<string, number>;
  readonly folders: Map<string, Folder>;
}

/** What the file itself is called in the list of the folder that has its name. */
const SELF = '';

export class PathIndex {
  readonly #root: Folder = createFolder();

  /** Entry `seq` puts a file; returns its coded index. */
  put(parts: readonly string[], seq: number): Uint8Array {
    const levels: number[][] = [];
    let folder = this.#root;
    for (const part of [...parts, SELF]) {
      folder.latest.delete(part);
      folder.latest.set(part, seq);
      levels.push([...folder.latest.values()]);
      folder = childOf(folder, part);
    }
    return encodePaths(seq, levels);
  }

  /** Entry `seq` deletes a file. */
  delete(parts: readonly string[], seq: number): Uint8Array {
    const way = [...parts, SELF];
    const folders: Folder[] = [this.#root];
    for (const part of parts) folders.push(childOf(folders.at(-1) as Folder, part));
    // What has no other child any more goes, up to the folder that has.
    let depth = way.length;
    for (; depth > 0; depth--) {
      const folder = folders[depth - 1] as Folder;
      const part = way[depth - 1] as string;
      folder.latest.delete(part);
      folder.folders.delete(part);
      if (folder.latest.size > 0) break;
    }
    const levels: number[][] = [];
    for (let level = 1; level <= Math.max(1, depth); level++) {
      const { latest } = folders[level - 1] as Folder;
      if (level < depth) {
        const part = way[level - 1] as string;
        latest.delete(part);
        latest.set(part, seq);
      }
      levels.push([...latest.values()]);
    }
    return encodePaths(seq, levels);
  }
}

function createFolder(): Folder {
  return { latest: new Map(), folders: new Map() };
}

function childOf(folder: Folder, part: string): Folder {
  let child = folder.folders.get(part);
  if (child === undefined) {
    child = createFolder();
    folder.folders.set(part, child);
  }
  return child;
}

/** Where every list ends with the entry itself, which is the rule, a bit says so instead. */
function encodePaths(seq: number, levels: readonly (readonly number[])[]): Uint8Array {
  const endsWithSelf = levels.every((list) => list.at(-1) === seq);
  const writer = new ByteWriter();
  writer.varint(endsWithSelf ? 1 : 0);
  for (const list of levels) {
    const count = endsWithSelf ? list.length - 1 : list.length;
    writer.varint(count);
    let before = 0;
    for (const entry of list.slice(0, count)) {
      writer.varint(entry - before);
      before = entry;
    }
  }
  return writer.take();
}
