/** The event source (RFC 8620, section 7.3), as a stream of text that whoever carries it writes out. */
import { type Clock, whenAborted } from '../../base/index.ts';
import { PING_SECONDS_MAX, PING_SECONDS_MIN } from '../limits.ts';
import type { MailStore } from '../store/mail-store.ts';
import { decodeStates, StateFeed, type ToldStates, typesOf } from './state-feed.ts';

/** One for all: to make an error for each of a thousand listeners at each change costs more than to tell them. */
const OVER = new DOMException('the turn is over', 'AbortError');

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
    const told = await (pingSeconds === 0
      ? feed.nextWithState(signal)
      : nextWithin(feed, pingSeconds * 1000, clock, signal));
    if (signal.aborted) return;
    if (told === undefined) {
      yield `event: ping\ndata: ${JSON.stringify({ interval: pingSeconds })}\n\n`;
      continue;
    }
    const data = JSON.stringify({ '@type': 'StateChange', changed: told.changed });
    yield `event: state\nid: ${told.pushState}\ndata: ${data}\n\n`;
    if (closeAfterState) return;
  }
}

/** Undefined when nothing changed for so long. */
async function nextWithin(
  feed: StateFeed,
  ms: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<ToldStates | undefined> {
  const turn = new AbortController();
  const stop = (): void => turn.abort(OVER);
  using _ = whenAborted(signal, stop);
  const ping = clock.sleep(ms, turn.signal).then(stop, stop);
  const told = await feed.nextWithState(turn.signal);
  stop();
  await ping;
  return told;
}
