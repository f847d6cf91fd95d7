/**
 * A set of changes by their local number. Frozen sets are shared: all PDUs that follow the same changes hold one object.
 */
export class ChangeSet {
  #words: Uint32Array;

  constructor(words: Uint32Array = new Uint32Array(1)) {
    this.#words = words;
  }

  has(index: number): boolean {
    const word = this.#words[index >>> 5];
    return word !== undefined && (word & (1 << (index & 31))) !== 0;
  }

  add(index: number): void {
    const at = index >>> 5;
    if (at >= this.#words.length) {
      const words = new Uint32Array(Math.max(at + 1, this.#words.length * 2));
      words.set(this.#words);
      this.#words = words;
    }
    this.#words[at] = (this.#words[at] as number) | (1 << (index & 31));
  }

  with(index: number): ChangeSet {
    const words = new Uint32Array(Math.max((index >>> 5) + 1, this.#used()));
    words.set(this.#words.subarray(0, words.length));
    const set = new ChangeSet(words);
    set.add(index);
    return set;
  }

  /** One of the two where it holds the other, else a new set. */
  union(other: ChangeSet): ChangeSet {
    if (other === this || this.includes(other)) return this;
    if (other.includes(this)) return other;
    const words = new Uint32Array(Math.max(this.#used(), other.#used()));
    words.set(this.#words.subarray(0, words.length));
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) | (other.#words[i] ?? 0);
    return new ChangeSet(words);
  }

  includes(other: ChangeSet): boolean {
    for (let i = 0; i < other.#words.length; i++)
      if (((other.#words[i] as number) & ~(this.#words[i] ?? 0)) !== 0) return false;
    return true;
  }

  /** The numbers, ascending. */
  *[Symbol.iterator](): Generator<number, void> {
    for (let i = 0; i < this.#words.length; i++)
      for (let word = this.#words[i] as number; word !== 0; word &= word - 1)
        yield i * 32 + (31 - Math.clz32(word & -word));
  }

  #used(): number {
    let length = this.#words.length;
    while (length > 1 && this.#words[length - 1] === 0) length -= 1;
    return length;
  }
}
