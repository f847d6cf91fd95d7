/**
 * The second connection: waits in the inbox and says when there is news. Ends with the first; comes back by itself, and the
 * later the sooner it ended: there are servers that refuse what they offer.
 */
import type { ImapFlow } from 'imapflow';
import { type Clock, isAbort, type Log, whenAborted } from '../../../base/index.ts';
import { RECONNECT_CEILING_MS, RECONNECT_FIRST_MS, ROUND_INTERVAL_MS } from './limits.ts';

export interface WatcherDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly connect: () => Promise<ImapFlow>;
  readonly onNews: () => void;
}

export async function watchInbox(deps: WatcherDeps, signal: AbortSignal): Promise<void> {
  let waitMs = RECONNECT_FIRST_MS;
  while (!signal.aborted) {
    const startedAt = deps.clock.monotonic();
    try {
      await watch(await deps.connect(), deps.onNews, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      deps.log.debug({ err: error }, 'the inbox cannot be watched now');
    }
    if (signal.aborted) return;
    // It has told something sooner than a look at all folders would have.
    if (deps.clock.monotonic() - startedAt >= ROUND_INTERVAL_MS) waitMs = RECONNECT_FIRST_MS;
    try {
      await deps.clock.sleep(waitMs, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      throw error;
    }
    waitMs = Math.min(2 * waitMs, RECONNECT_CEILING_MS);
  }
}

/** Until the connection ends, or the server ends the watch or refuses it. */
async function watch(client: ImapFlow, onNews: () => void, signal: AbortSignal): Promise<void> {
  using _ = whenAborted(signal, () => client.close());
  try {
    const { exists } = await client.mailboxOpen('INBOX', { readOnly: true });
    for (const event of ['exists', 'expunge', 'flags'] as const) client.on(event, onNews);
    // What came between the first look and this one.
    if (exists > 0) onNews();
    await client.idle();
  } finally {
    client.close();
  }
}
