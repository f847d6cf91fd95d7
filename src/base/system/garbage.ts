/**
 * Memory of large buffers that nobody needs any more. It lies outside of V8's heap, and V8 looks for it only when tens of
 * megabytes have come together; a process through which gigabytes pass, a megabyte at a time, would hold far more than it
 * uses. So whoever lets a large buffer pass says so, and from time to time the young garbage is collected, which finds what
 * just passed and takes a few milliseconds. What was under way for longer is found by collecting all of it: only when so much
 * has come together, and only while the heap is small; in a process with a large one those megabytes do not matter.
 */
import { memoryUsage } from 'node:process';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECT_AFTER_BYTES, COLLECT_ALL_AFTER_BYTES, COLLECTED_HEAP_BYTES_MAX, PASSING_BYTES_MIN } from './limits.ts';

type Collect = (options?: { readonly type: 'minor' }) => void;

let passed = 0;
/** Bytes of buffers that are in use at most, as far as is known: garbage may lie in them. */
let inUse = Number.POSITIVE_INFINITY;
let collect: Collect | undefined;

/** `bytes`: of one buffer that this process does not keep. Small ones cost V8 and nobody else. */
export function letPass(bytes: number): void {
  if (bytes < PASSING_BYTES_MIN) return;
  passed += bytes;
  if (passed < COLLECT_AFTER_BYTES) return;
  passed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
  const { arrayBuffers } = memoryUsage();
  inUse = Math.min(inUse, arrayBuffers);
  if (arrayBuffers - inUse < COLLECT_ALL_AFTER_BYTES) return;
  if (getHeapStatistics().used_heap_size <= COLLECTED_HEAP_BYTES_MAX) collect();
  inUse = memoryUsage().arrayBuffers;
}

/** V8 has the function in contexts that are made while the flag stands. */
function collector(): Collect {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}
