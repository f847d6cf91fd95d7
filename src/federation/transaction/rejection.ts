/** An item that its destination will not take, and the row that says so until its author's report is written. */
import { fromUtf8, readUint64, toHex, utf8 } from '../../base/index.ts';
import { type FeedId, type HomeName, parseFeedId, parseHomeName } from '../../protocol/index.ts';
import type { StoreReader } from '../../store/index.ts';
import { REJECTIONS } from '../row-keys.ts';

export interface Rejection {
  readonly feed: FeedId;
  readonly number: number;
  readonly code: string;
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface RejectionRow extends Rejection {
  readonly key: Uint8Array;
  readonly home: HomeName;
}

export function encodeRejection({ code, detail, at }: Rejection): Uint8Array {
  return utf8(JSON.stringify({ code, detail, at }));
}

/** Those that nobody was told of yet, some of them. */
export async function readRejections(rows: StoreReader, limit: number): Promise<readonly RejectionRow[]> {
  return (await rows.range({ ...REJECTIONS, limit })).map(({ key, value }) => {
    // `Dj home 0 feed number`
    const end = key.length - 8;
    const said = JSON.parse(fromUtf8(value)) as Pick<Rejection, 'code' | 'detail' | 'at'>;
    return {
      ...said,
      key,
      home: parseHomeName(fromUtf8(key.subarray(2, end - 33))),
      feed: parseFeedId(toHex(key.subarray(end - 32, end))),
      number: readUint64(key, end),
    };
  });
}
