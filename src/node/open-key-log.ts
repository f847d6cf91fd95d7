/** Which log of the home's keys a node opens: the one that it writes, or another's. */
import type { FeedsDeps } from './feeds.ts';
import { FollowedKeyLog } from './fleet/index.ts';
import { readHome } from './home-chain.ts';
import { type HomeKeyLog, KeyLog, retireKeyLog } from './key-log.ts';
import { TAKE_OVER } from './view-keys.ts';

/** The log of the home's keys: written by the registrar, followed by the other nodes. */
export async function openKeyLog(deps: FeedsDeps): Promise<HomeKeyLog> {
  const { folder, store, suite } = deps;
  const home = await readHome(suite, store);
  const isRegistrar = home === undefined || home.registrar === folder.config.node;
  if (isRegistrar || (await store.get(TAKE_OVER)) !== undefined) return KeyLog.open(deps);
  // A log that this node wrote as the registrar has ended.
  await retireKeyLog(deps);
  return FollowedKeyLog.open({ suite, store }, { home: home.home, publicKey: home.keyLog });
}
