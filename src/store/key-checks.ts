/** The port's bounds on keys, values and ranges, the same for every adapter. */
import { compareBytes } from '../base/index.ts';
import type { BoundedSpan } from './overlay.ts';
import { KEY_BYTES_MAX, type KeyRange, VALUE_BYTES_MAX } from './store.ts';
import { StoreError } from './store-error.ts';

export function checkKey(key: Uint8Array): void {
  if (key.length < 1 || key.length > KEY_BYTES_MAX)
    throw new StoreError('too_large', `a key has 1 to ${KEY_BYTES_MAX} bytes`, { details: { sizeBytes: key.length } });
}

export function checkValue(value: Uint8Array): void {
  if (value.length > VALUE_BYTES_MAX)
    throw new StoreError('too_large', `a value has at most ${VALUE_BYTES_MAX} bytes`, {
      details: { sizeBytes: value.length },
    });
}

export function isEmptyRange({ from, to, limit }: KeyRange): boolean {
  return !(limit >= 1) || compareBytes(from, to) >= 0;
}

export function spanOf({
  from,
  to,
  limit,
  reverse = false,
  maxBytes = Number.POSITIVE_INFINITY,
}: KeyRange): BoundedSpan {
  return { from, to, limit: Math.floor(limit), reverse, maxBytes };
}
