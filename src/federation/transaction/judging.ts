/** What is asked of a transaction before its items are looked at: that it is one, and that its feed is its origin's. */
import {
  decodeTransaction,
  type FeedId,
  type HomeName,
  ProtocolError,
  type Transaction,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { HomeDirectory } from '../ports.ts';

/** Whether a home's document names the feed, now or as retired; asked again once if it does not. */
export async function ownsFeed(
  directory: HomeDirectory,
  home: HomeName,
  feed: FeedId,
  signal: AbortSignal,
): Promise<boolean> {
  const isIn = (nodes: Awaited<ReturnType<HomeDirectory['find']>>['nodes']): boolean =>
    nodes.some((node) => node.feed === feed || node.retired.includes(feed));
  if (isIn((await directory.find(home, signal)).nodes)) return true;
  return isIn((await directory.refresh(home, signal)).nodes);
}

/** Throws FederationError for bytes that are no transaction. */
export function decodeBody(body: Uint8Array): Transaction {
  try {
    return decodeTransaction(body);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const code = cause.code === 'too_large' ? 'too_large' : 'malformed';
    throw new FederationError(code, cause.message, { cause });
  }
}
