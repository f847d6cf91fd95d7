/**
 * Memory of large buffers that nobody needs any more. It lies outside of V8's heap, and V8 looks for it only when tens of
 * megabytes have come together; a process through which gigabytes pass, a megabyte at a time, would hold far more than it
 * uses. So whoever lets a large buffer pass says so, and from time to time the garbage is collected. Only while the heap is
 * small: then it takes some milliseconds, and in a process with a large one those megabytes do not matter.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECT_AFTER_BYTES, COLLECTED_HEAP_BYTES_MAX, PASSING_BYTES_MIN } from './limits.ts';

let passed = 0;
let collect: (() => void) | undefined;

/** `bytes`: of one buffer that this process does not keep. Small ones cost V8 and nobody else. */
export function letPass(bytes: number): void {
  if (bytes < PASSING_BYTES_MIN) return;
  passed += bytes;
  if (passed < COLLECT_AFTER_BYTES) return;
  passed = 0;
  if (getHeapStatistics().used_heap_size > COLLECTED_HEAP_BYTES_MAX) return;
  collect ??= collector();
  collect();
}

/** V8 has the function in contexts that are made while the flag stands. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return found;
}
