/** Which blocks go with erased bodies: theirs, and those of attachments, as far as nobody counts on them any more. */
import { EntryKind } from '../protocol/index.ts';
import { type AttachmentDeps, attachmentsToClear } from './attachments.ts';
import type { ErasedBody } from './erasure.ts';
import { SWEEP_PAGE_ROWS } from './limits.ts';
import { areNeeded, readEntries } from './needed.ts';
import type { ViewBuffer } from './view-buffer.ts';
import type { Location } from './view-rows.ts';

/** Of entries that were folded. Their hashes stay in the tree. */
export async function blocksToClear(
  deps: AttachmentDeps,
  views: ViewBuffer,
  erased: readonly ErasedBody[],
): Promise<readonly Location[]> {
  // Who holds and who awaits is asked of rows, which the caller's entries may have changed.
  views.flush();
  const blocks: Location[] = [];
  for (let from = 0; from < erased.length; from += SWEEP_PAGE_ROWS) {
    const page = await readEntries(deps, views.transaction, erased.slice(from, from + SWEEP_PAGE_ROWS));
    // What says who is in a conversation stays: its readers fold it as long as it lives.
    const bodies = page.filter(
      ({ header, pdu }) => header.hasBody && (header.kind !== EntryKind.MAIL || pdu?.type === 'mail'),
    );
    const needed = await areNeeded(views.transaction, deps.home, bodies);
    for (const [i, { feed, index, pdu }] of bodies.entries()) {
      if (needed[i] === true) continue;
      blocks.push({ feed, index: index + 1 }, ...(await attachmentsToClear(deps, views, pdu?.attached ?? [])));
    }
  }
  return blocks;
}
