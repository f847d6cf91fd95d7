/**
 * A set of indexes in pages of 8 192 bits (the data section of SLEEP's bitfield file): the lowest index is the highest bit
 * of a byte. A page without a bit takes no memory, so the set costs what it holds.
 */
import { invariant } from '../base/index.ts';

export const PAGE_BITS = 8192;
export const PAGE_BYTES = PAGE_BITS / 8;

/** Half open: `from` is in it, `to` is not. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

const EMPTY_PAGE: Uint8Array = new Uint8Array(PAGE_BYTES);
const ONES: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

export class Bitfield {
  readonly #pages = new Map<number, Uint8Array>();
  #pageEnd = 0; // one beyond the last page

  get(index: number): boolean {
    const page = this.#pages.get(Math.floor(index / PAGE_BITS));
    if (page === undefined) return false;
    const bit = index % PAGE_BITS;
    return ((page[bit >> 3] as number) & (128 >> (bit & 7))) !== 0;
  }

  /** Whether that changed anything. */
  set(index: number): boolean {
    if (this.get(index)) return false;
    const number = Math.floor(index / PAGE_BITS);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#keep(number, page);
    }
    const bit = index % PAGE_BITS;
    page[bit >> 3] = (page[bit >> 3] as number) | (128 >> (bit & 7));
    return true;
  }

  /** Every index of [from, to). */
  setRange(from: number, to: number): void {
    for (let index = from; index < to; ) {
      const first = Math.floor(index / PAGE_BITS) * PAGE_BITS;
      const page = this.#pages.get(first / PAGE_BITS) ?? new Uint8Array(PAGE_BYTES);
      const [start, end] = [index - first, Math.min(PAGE_BITS, to - first)];
      const [startByte, endByte] = [start >> 3, end >> 3];
      const [startMask, endMask] = [255 >> (start & 7), 255 & ~(255 >> (end & 7))];
      if (startByte === endByte) page[startByte] = (page[startByte] as number) | (startMask & endMask);
      else {
        page[startByte] = (page[startByte] as number) | startMask;
        page.fill(255, startByte + 1, endByte);
        if (endMask !== 0) page[endByte] = (page[endByte] as number) | endMask;
      }
      this.#keep(first / PAGE_BITS, page);
      index = first + PAGE_BITS;
    }
  }

  /** Sets what `bits` has, from `start` on, which is a multiple of eight. */
  setBits(start: number, bits: Uint8Array): void {
    invariant(start % 8 === 0, 'bits begin at a whole byte');
    for (let at = 0; at < bits.length; ) {
      const index = start + 8 * at;
      const number = Math.floor(index / PAGE_BITS);
      const offset = (index % PAGE_BITS) / 8;
      const piece = bits.subarray(at, at + PAGE_BYTES - offset);
      at += piece.length;
      if (piece.every((byte) => byte === 0)) continue;
      const page = this.#pages.get(number) ?? new Uint8Array(PAGE_BYTES);
      for (let i = 0; i < piece.length; i++) page[offset + i] = (page[offset + i] as number) | (piece[i] as number);
      this.#keep(number, page);
    }
  }

  /** Every index of [from, to). */
  clearRange(from: number, to: number): void {
    for (const number of this.pageNumbers()) {
      const first = number * PAGE_BITS;
      if (first >= to || first + PAGE_BITS <= from) continue;
      if (from <= first && to >= first + PAGE_BITS) this.#drop(number);
      else for (let index = Math.max(from, first); index < Math.min(to, first + PAGE_BITS); index++) this.clear(index);
    }
  }

  /** Whether that changed anything. */
  clear(index: number): boolean {
    if (!this.get(index)) return false;
    const number = Math.floor(index / PAGE_BITS);
    const page = this.#pages.get(number) as Uint8Array;
    const bit = index % PAGE_BITS;
    page[bit >> 3] = (page[bit >> 3] as number) & ~(128 >> (bit & 7));
    if (page[bit >> 3] === 0 && page.every((byte) => byte === 0)) this.#drop(number);
    return true;
  }

  /** How many indexes of [from, to) are in the set. */
  count(from = 0, to = this.end): number {
    let count = 0;
    for (const [number, page] of this.#pages) {
      const first = number * PAGE_BITS;
      if (first >= to || first + PAGE_BITS <= from) continue;
      count += countPage(page, Math.max(0, from - first), Math.min(PAGE_BITS, to - first));
    }
    return count;
  }

  /** The first index at or after `from` that is not in the set. */
  firstMissing(from = 0): number {
    return this.#first(from, false);
  }

  /** The first index at or after `from` that is; undefined when there is none. */
  firstPresent(from = 0): number | undefined {
    const end = this.end;
    if (from >= end) return undefined;
    const index = this.#first(from, true);
    return index < end ? index : undefined;
  }

  /** The first index of [from, to) that is in this set, not in `other`, and in `within` if that is given. */
  firstOutside(other: Bitfield, from: number, to: number, within?: Bitfield): number | undefined {
    const end = Math.min(to, this.end);
    for (let index = from; index < end; index = (Math.floor(index / PAGE_BITS) + 1) * PAGE_BITS) {
      const number = Math.floor(index / PAGE_BITS);
      const page = this.#pages.get(number);
      const chosen = within === undefined ? page : within.#pages.get(number);
      if (page === undefined || chosen === undefined) continue;
      const hidden = other.#pages.get(number) ?? EMPTY_PAGE;
      let mask = 255 >> (index & 7); // of the first byte, what is at or after `from`
      for (let at = firstOf(page, chosen, hidden, (index % PAGE_BITS) >> 3); at < PAGE_BYTES; at++) {
        // A word was passed over, or a byte: what is looked at is behind `from`.
        if (8 * at > index % PAGE_BITS) mask = 255;
        const bits = (page[at] as number) & (chosen[at] as number) & ~(hidden[at] as number) & mask;
        if (bits === 0) continue;
        const found = number * PAGE_BITS + 8 * at + Math.clz32(bits) - 24;
        return found < end ? found : undefined;
      }
    }
    return undefined;
  }

  /** What [from, to) holds, as intervals in ascending order. */
  *ranges(from = 0, to = this.end): Generator<Interval> {
    let next = from;
    for (;;) {
      const start = this.firstPresent(next);
      if (start === undefined || start >= to) return;
      next = Math.min(to, this.firstMissing(start));
      yield { from: start, to: next };
    }
  }

  /** One beyond the last page with a bit: nothing is in the set from here on. */
  get end(): number {
    return this.#pageEnd * PAGE_BITS;
  }

  /** The bytes of a page; undefined for a page without a bit. */
  page(number: number): Uint8Array | undefined {
    return this.#pages.get(number)?.slice();
  }

  /** Replaces a page by 1 024 bytes. */
  setPage(number: number, bytes: Uint8Array): void {
    invariant(bytes.length === PAGE_BYTES, `a page of a bitfield has ${PAGE_BYTES} bytes`);
    if (bytes.every((byte) => byte === 0)) this.#drop(number);
    else this.#keep(number, new Uint8Array(bytes)); // a copy, whole words of which can be read
  }

  /** Pages with a bit, in ascending order. */
  pageNumbers(): number[] {
    return [...this.#pages.keys()].sort((a, b) => a - b);
  }

  #keep(number: number, page: Uint8Array): void {
    this.#pages.set(number, page);
    this.#pageEnd = Math.max(this.#pageEnd, number + 1);
  }

  #drop(number: number): void {
    this.#pages.delete(number);
    if (number + 1 === this.#pageEnd) this.#pageEnd = Math.max(0, ...[...this.#pages.keys()].map((page) => page + 1));
  }

  /** The next page with a bit; the end when there is none. */
  #pageAfter(number: number): number {
    if (this.#pages.has(number + 1)) return number + 1;
    let next = this.#pageEnd;
    for (const other of this.#pages.keys()) if (other > number && other < next) next = other;
    return next;
  }

  /** The first index at or after `from` whose bit is `wanted`; `end` or beyond when no page has it. */
  #first(from: number, wanted: boolean): number {
    const boring = wanted ? 0 : 255; // a byte without the wanted bit
    const end = this.end;
    for (let index = from; index < end; ) {
      const page = this.#pages.get(Math.floor(index / PAGE_BITS));
      if (page === undefined) {
        if (!wanted) return index;
        index = this.#pageAfter(Math.floor(index / PAGE_BITS)) * PAGE_BITS;
      } else if (index % 8 === 0 && page[(index % PAGE_BITS) >> 3] === boring) index += 8;
      else if (this.get(index) === wanted) return index;
      else index += 1;
    }
    return Math.max(from, end);
  }
}

/** The byte from which on there may be a bit of two pages that a third lacks: whole words without one are passed over. */
function firstOf(page: Uint8Array, chosen: Uint8Array, hidden: Uint8Array, from: number): number {
  const [ours, theirs, without] = [wordsOf(page), wordsOf(chosen), wordsOf(hidden)];
  let word = from >> 2;
  while (word < ours.length) {
    if (((ours[word] as number) & (theirs[word] as number) & ~(without[word] as number)) !== 0) break;
    word += 1;
  }
  return Math.max(from, word << 2);
}

function wordsOf(page: Uint8Array): Uint32Array {
  return new Uint32Array(page.buffer, page.byteOffset, PAGE_BYTES >> 2);
}

function countPage(page: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let bit = from; bit < to; ) {
    const byte = page[bit >> 3] as number;
    if (bit % 8 === 0 && bit + 8 <= to) {
      count += ONES[byte] as number;
      bit += 8;
    } else {
      if ((byte & (128 >> (bit & 7))) !== 0) count += 1;
      bit += 1;
    }
  }
  return count;
}
