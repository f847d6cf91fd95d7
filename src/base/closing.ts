/** The end of what another side has to agree to: a connection or a channel of a broker. */

export interface Closable {
  /** Resolves when the other side has agreed; never, when it is gone. */
  close(): Promise<unknown>;
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
}

/**
 * Resolves when `part` has ended, whoever ended it: a `close()` alone waits for ever when the connection breaks before its
 * answer. Rejects as `close()` does, for what had ended before.
 */
export async function closed(part: Closable): Promise<void> {
  let onClose = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    onClose = resolve;
    part.once('close', onClose);
  });
  try {
    await Promise.race([ended, part.close()]);
  } finally {
    part.removeListener('close', onClose);
  }
}
