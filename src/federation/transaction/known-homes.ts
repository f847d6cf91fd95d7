/** Which homes have rows of a kind. */
import { fromUtf8 } from '../../base/index.ts';
import { type HomeName, parseHomeName } from '../../protocol/index.ts';
import type { KeySpan, Store } from '../../store/index.ts';
import { PAGE_ROWS_MAX } from './limits.ts';

/** The homes that have rows there, each once: what follows the tag is a name and a zero. */
export async function homesIn(store: Store, bounds: KeySpan): Promise<readonly HomeName[]> {
  const homes = new Set<HomeName>();
  for (let from = bounds.from; ; ) {
    const rows = await store.range({ from, to: bounds.to, limit: PAGE_ROWS_MAX });
    for (const { key } of rows) homes.add(homeOfKey(key));
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS_MAX) return [...homes];
    from = Uint8Array.of(...last.key, 0);
  }
}

function homeOfKey(key: Uint8Array): HomeName {
  return parseHomeName(fromUtf8(key.subarray(2, key.indexOf(0))));
}
