/** Which keys are meant: everything from one key up to another. */

/** [from, to). Empty if `to` is not after `from`. */
export interface KeySpan {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Every key that begins with `prefix`, which has a byte below 255. */
export function under(prefix: Uint8Array): KeySpan {
  let size = prefix.length;
  while (size > 0 && prefix[size - 1] === 0xff) size--;
  const to = prefix.slice(0, size);
  to[size - 1] = (to[size - 1] ?? 0) + 1;
  return { from: prefix, to };
}
