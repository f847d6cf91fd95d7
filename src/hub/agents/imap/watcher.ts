/** The second connection: waits in the inbox and says when there is news. Ends with the first; comes back by itself. */
import type { ImapFlow } from 'imapflow';
import { type Clock, isAbort, type Log, whenAborted } from '../../../base/index.ts';
import { connectImap } from './imap-connection.ts';
import type { ServerSettings } from './imap-protocol.ts';
import { RECONNECT_CEILING_MS, RECONNECT_FIRST_MS } from './limits.ts';

export interface WatcherDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ServerSettings;
  readonly onNews: () => void;
}

export async function watchInbox(deps: WatcherDeps, signal: AbortSignal): Promise<void> {
  let waitMs = RECONNECT_FIRST_MS;
  while (!signal.aborted) {
    try {
      const client = await connectImap(deps.settings, signal);
      waitMs = RECONNECT_FIRST_MS;
      await watch(client, deps.onNews, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      deps.log.debug({ err: error }, 'the inbox cannot be watched now');
    }
    if (signal.aborted) return;
    try {
      await deps.clock.sleep(waitMs, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      throw error;
    }
    waitMs = Math.min(2 * waitMs, RECONNECT_CEILING_MS);
  }
}

/** Until the connection ends. */
async function watch(client: ImapFlow, onNews: () => void, signal: AbortSignal): Promise<void> {
  using _ = whenAborted(signal, () => client.close());
  try {
    const { exists } = await client.mailboxOpen('INBOX', { readOnly: true });
    for (const event of ['exists', 'expunge', 'flags'] as const) client.on(event, onNews);
    // What came between the first look and this one.
    if (exists > 0) onNews();
    while (client.usable && !signal.aborted) await client.idle();
  } finally {
    client.close();
  }
}
