/** Lets real work (threads, disks, sockets) go on until something holds; fails when it does not in time. */
const TURNS_MS_MAX = 20_000;

export async function until(condition: () => boolean): Promise<void> {
  const startedAt = performance.now();
  while (!condition()) {
    if (performance.now() - startedAt > TURNS_MS_MAX) throw new Error(`waited in vain for ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
