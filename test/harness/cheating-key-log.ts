/** A home that writes its key log as it likes: with its own key, beside the log that its node keeps. */
import { type MockInstance, vi } from 'vitest';
import { type CryptoSuite, invariant } from '../../src/base/index.ts';
import { discoveryKeyOf } from '../../src/feed/index.ts';
import type { Core } from '../../src/node/index.ts';
import { feedIdOf } from '../../src/protocol/index.ts';
import { WrittenLog } from './key-log-pages.ts';

/** A copy of the log as it is, which its key can go on with. */
export async function copyKeyLog(suite: CryptoSuite, core: Core): Promise<WrittenLog> {
  const { publicKey } = core.keyLog;
  const secretKey = await core.folder.feedSecretKey(feedIdOf(discoveryKeyOf(suite, publicKey)));
  invariant(secretKey !== undefined, 'the node has the key of its log');
  const { blocks } = await core.keyLog.page(0);
  return new WrittenLog(suite, { publicKey, secretKey }, blocks);
}

/** Shows everybody another log than the node's, until it is restored. */
export function showKeyLog(core: Core, log: WrittenLog): MockInstance<Core['keyLog']['page']> {
  return vi.spyOn(core.keyLog, 'page').mockImplementation(async (after) => log.page(after));
}
