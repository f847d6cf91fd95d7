/** A cache of the entries that were used last. Portable. */
import { LRUCache } from 'lru-cache';

/**
 * At most `entriesMax`, with room made as they come: told its `max`, lru-cache takes the memory of all of them at once,
 * which for tens of thousands is megabytes and milliseconds for each home that is opened.
 */
export function createBoundedCache<Key extends {}, Value extends {}>(entriesMax: number): LRUCache<Key, Value> {
  return new LRUCache({ maxSize: entriesMax, sizeCalculation: () => 1 });
}
