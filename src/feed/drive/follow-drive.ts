/**
 * The synchronizer's mode `drive`: of a feed that turns out to be a drive's metadata the content is shared as well, as soon
 * as the first block names it.
 */
import type { StoreReader } from '../../store/index.ts';
import type { FeedLog } from '../feed-log.ts';
import type { FeedOptions, Synchronizer } from '../synchronizer/index.ts';
import { decodeDriveIndex } from './drive-message.ts';

export interface DriveHost {
  readonly metadata: FeedLog;
  readonly reader: StoreReader;
  /** The log of the content feed, made or opened. */
  openContent(publicKey: Uint8Array): Promise<FeedLog>;
}

export interface FollowedDrive extends Disposable {
  /** Whether it is known if the feed is a drive, and the content is shared if it is. */
  readonly isDecided: boolean;
}

/** Shares the metadata feed now and the content feed when it is known. A feed that is no drive is shared alone. */
export function followDrive(
  synchronizer: Synchronizer,
  host: DriveHost,
  options: FeedOptions & { readonly onError: (error: unknown) => void },
): FollowedDrive {
  const { metadata } = host;
  let isLooking = false;
  let isDecided = false;
  const look = async (): Promise<void> => {
    if (isLooking || !metadata.has(0)) return;
    isLooking = true;
    const block = await metadata.getBlock(host.reader, 0);
    const key = block === undefined ? undefined : decodeDriveIndex(block);
    if (key !== undefined) synchronizer.addFeed(await host.openContent(key), options);
    isDecided = true;
  };
  const listening = synchronizer.events.on('stored', ({ feed }) => {
    if (feed === metadata.id) look().catch(options.onError);
  });
  synchronizer.addFeed(metadata, options);
  look().catch(options.onError);
  return {
    get isDecided() {
      return isDecided;
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}
