/**
 * The index section of SLEEP's bitfield file (hypercore 6, `lib/bitfield.js`): a tree that lets a reader skip what is all
 * held or not held at all. Flat tree of bytes; a leaf sums up four bytes of the bitfield in two bits each (11 all ones,
 * 00 all zeros, 01 mixed), a parent its two children in the same way, a nibble of a child in two bits.
 */
import { type Bitfield, PAGE_BYTES } from './bitfield.ts';
import { childrenOf } from './flat-tree.ts';

/** Two bytes of the flat tree for each four bytes of the page. */
const INDEX_BYTES_PER_PAGE = PAGE_BYTES / 2;

/** The index sections of all pages, one after the other. */
export function blockIndexBytes(blocks: Bitfield, pageCount: number): Uint8Array {
  const index = new Uint8Array(pageCount * INDEX_BYTES_PER_PAGE);
  for (const number of blocks.pageNumbers()) {
    if (number >= pageCount) break;
    const page = blocks.page(number) as Uint8Array;
    for (let at = 0; at < PAGE_BYTES; at += 4) {
      let byte = 0;
      for (let i = 0; i < 4; i++) byte = (byte << 2) | summaryOf(page[at + i] as number, 255);
      index[number * INDEX_BYTES_PER_PAGE + at / 2] = byte;
    }
  }
  // Depth by depth, so that children are there before their parents; children beyond the file are zeros.
  for (let step = 2; step / 2 - 1 < index.length; step *= 2)
    for (let parent = step - 1; parent < index.length; parent += 2 * step) {
      const [left, right] = childrenOf(parent) as readonly [number, number];
      index[parent] = (halved(index[left] ?? 0) << 4) | halved(index[right] ?? 0);
    }
  return index;
}

/** A byte of the index in four bits. */
function halved(byte: number): number {
  return (summaryOf(byte >> 4, 15) << 2) | summaryOf(byte & 15, 15);
}

function summaryOf(value: number, ones: number): number {
  return value === ones ? 3 : value === 0 ? 0 : 1;
}
