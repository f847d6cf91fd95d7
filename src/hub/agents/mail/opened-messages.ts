/** Messages that were decrypted a moment ago, so that none is decrypted a second time to be told. Bounded by their bytes. */
export class OpenedMessages {
  readonly #bytesMax: number;
  readonly #messages = new Map<string, Uint8Array>();
  #sizeBytes = 0;

  constructor(options: { readonly bytesMax: number }) {
    this.#bytesMax = options.bytesMax;
  }

  put(id: string, mime: Uint8Array): void {
    this.take(id);
    this.#messages.set(id, mime);
    this.#sizeBytes += mime.length;
    // A map keeps the order of insertion: the first is the oldest.
    for (const [oldest] of this.#messages) {
      if (this.#sizeBytes <= this.#bytesMax) return;
      this.take(oldest);
    }
  }

  /** Forgets what it returns. */
  take(id: string): Uint8Array | undefined {
    const mime = this.#messages.get(id);
    if (mime === undefined) return undefined;
    this.#messages.delete(id);
    this.#sizeBytes -= mime.length;
    return mime;
  }
}
