/** What is wrong with a home, in words, and what an operator can do about it. */
import type { OperatorMessages } from '../texts/operator/en.ts';
import type { Status } from './door.ts';

export interface Finding {
  readonly what: string;
  readonly fix: string;
  /** Good to know, and nothing that has failed. */
  readonly isHint?: boolean;
  /** Done with one button. */
  readonly act?: { readonly name: 'restart' | 'retry'; readonly body: object };
}

/** A home that is away for a moment is no finding. */
const FAILURES_MIN = 3;
const FULL_PERCENT = 90;

export function findingsOf({ accounts, federation, fleet, hub, problems }: Status, t: OperatorMessages): Finding[] {
  const broken = hub.users.filter(({ phase }) => phase === 'broken');
  const stuck = (federation ?? []).filter(({ failures }) => failures >= FAILURES_MIN);
  const away = (fleet?.nodes ?? []).filter(({ state }) => state === 'away');
  const feeds = (fleet?.feeds ?? []).filter(({ retired }) => !retired);
  const isAlone = fleet !== undefined && fleet.nodes.length === 1;
  const full = (accounts ?? [])
    .filter(({ closed }) => !closed)
    .map(({ address, bytes, quotaBytes }) => ({
      address,
      percent: Math.round((100 * bytes) / Math.max(1, quotaBytes)),
    }));
  return [
    ...problems.map((what) => ({ what, fix: t.other })),
    ...feeds.filter(({ fork }) => fork !== null).map(({ node }) => ({ what: t.fork(node), fix: t.forkFix })),
    ...broken.map(({ user }) => ({
      ...{ what: t.broken(user), fix: t.brokenFix },
      act: { name: 'restart' as const, body: { user } },
    })),
    ...away.map(({ node }) => ({ what: t.away(node), fix: t.awayFix })),
    ...feeds
      .filter(({ have, length }) => have < length)
      .map(({ have, length, node }) => ({ what: t.notCopied(node, length - have), fix: t.notCopiedFix })),
    ...stuck.map(({ failures, home }) => ({
      ...{ what: t.stuck(home, failures), fix: t.stuckFix },
      act: { name: 'retry' as const, body: { home } },
    })),
    ...full
      .filter(({ percent }) => percent >= FULL_PERCENT)
      .map(({ address, percent }) => ({ what: t.full(address, percent), fix: t.fullFix })),
    ...(isAlone ? [{ what: t.alone, fix: t.aloneFix, isHint: true }] : []),
  ];
}
