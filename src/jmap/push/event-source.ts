/** The event source (RFC 8620, section 7.3), as a stream of text that whoever carries it writes out. */
import type { Clock } from '../../base/index.ts';
import { PING_SECONDS_MAX, PING_SECONDS_MIN } from '../limits.ts';
import type { MailStore } from '../store/mail-store.ts';
import { decodeStates, encodeStates, StateFeed, statesOf, typesOf } from './state-feed.ts';

export interface EventSourceQuery {
  readonly types: string;
  readonly closeafter: string;
  readonly ping: string;
}

export interface EventSourceOptions {
  /** Null for all. */
  readonly types: readonly string[] | null;
  readonly closeAfterState: boolean;
  /** 0 for no pings. */
  readonly pingSeconds: number;
}

/** Undefined if the query is no such one. */
export function parseEventSourceQuery(query: Readonly<Record<string, unknown>>): EventSourceOptions | undefined {
  const { types, closeafter, ping } = query;
  if (typeof types !== 'string' || types === '' || typeof ping !== 'string' || !/^\d{1,9}$/.test(ping))
    return undefined;
  if (closeafter !== 'state' && closeafter !== 'no') return undefined;
  const asked = Number(ping);
  return {
    types: types === '*' ? null : types.split(','),
    closeAfterState: closeafter === 'state',
    pingSeconds: asked === 0 ? 0 : Math.min(PING_SECONDS_MAX, Math.max(PING_SECONDS_MIN, asked)),
  };
}

export interface EventSourceDeps {
  readonly store: MailStore;
  readonly clock: Clock;
}

/** Ends after a state if that was asked for, and when `signal` is aborted. */
export async function* eventSource(
  { store, clock }: EventSourceDeps,
  { types, closeAfterState, pingSeconds }: EventSourceOptions,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string> {
  using feed = new StateFeed(store, typesOf(types));
  if (lastEventId !== undefined && lastEventId !== '') feed.catchUp(decodeStates(lastEventId));
  // Something has to come at once, or a proxy and the client wait for the headers.
  yield ': restante\n\n';
  while (!signal.aborted) {
    const turn = new AbortController();
    const stop = (): void => turn.abort();
    signal.addEventListener('abort', stop, { once: true });
    const ping = pingSeconds === 0 ? undefined : clock.sleep(pingSeconds * 1000, turn.signal).then(stop, stop);
    const changed = await feed.next(turn.signal);
    turn.abort();
    await ping;
    signal.removeEventListener('abort', stop);
    if (signal.aborted) return;
    if (changed === undefined) {
      yield `event: ping\ndata: ${JSON.stringify({ interval: pingSeconds })}\n\n`;
      continue;
    }
    const data = JSON.stringify({ '@type': 'StateChange', changed });
    yield `event: state\nid: ${encodeStates(statesOf(store))}\ndata: ${data}\n\n`;
    if (closeAfterState) return;
  }
}
