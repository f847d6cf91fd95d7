/** Follows a log to its end, page by page. */
import type { KeyLogPage, SignedRoot } from '../protocol/index.ts';
import type { KeyLogMirror, PageVerdict } from './key-log-mirror.ts';
import { FOLLOWED_PAGES_MAX } from './limits.ts';

export interface Followed {
  /** What stopped it; `same`: the log is here as long as it is shown. */
  readonly end: Exclude<PageVerdict, { status: 'grown' }>;
  /** Accounts, or the home, with new versions. */
  readonly subjects: ReadonlySet<string>;
  /** Roots by the log's key that contradict it, as who was asked knows them. */
  readonly disputed: readonly SignedRoot[];
}

/** `ask` gives the page after a length. What it throws is thrown; pages taken before stay. A fork is kept as evidence. */
export async function followKeyLog(
  mirror: KeyLogMirror,
  ask: (after: number) => Promise<KeyLogPage>,
): Promise<Followed> {
  const subjects = new Set<string>();
  for (let pages = 0; pages < FOLLOWED_PAGES_MAX; pages++) {
    const page = await ask(mirror.length);
    const verdict = await mirror.take(page);
    if (verdict.status === 'forked') await mirror.hear(verdict.root);
    if (verdict.status !== 'grown') return { end: verdict, subjects, disputed: page.disputed };
    for (const subject of verdict.subjects) subjects.add(subject);
  }
  return { end: { status: 'same' }, subjects, disputed: [] };
}
