/** How the fleet stands, as its operator is shown it. */
import type { FeedLog } from '../../feed/index.ts';
import type { FeedId } from '../../protocol/index.ts';
import type { Fleet, FleetDeps } from './fleet.ts';

export interface FleetNodeStatus {
  readonly node: string;
  readonly urls: readonly string[];
  /** `self`, or whether there is a link to it now. */
  readonly state: 'self' | 'linked' | 'away';
  readonly registrar: boolean;
}

export interface FleetFeedStatus {
  /** Who writes it; of a feed that nobody writes any more, who wrote it last. */
  readonly node: string;
  readonly feed: FeedId;
  /** Blocks, as far as this node knows. */
  readonly length: number;
  /** Blocks that are here without a gap. */
  readonly have: number;
  readonly retired: boolean;
  /** Other nodes that have all of it on their disks, its writer among them. */
  readonly copies: number;
  /** Nodes that it is got from now. */
  readonly peers: number;
  /** The lengths of two histories that its key has signed; then it takes nothing more. */
  readonly fork: readonly [number, number] | null;
}

export interface FleetStatus {
  readonly home: string;
  readonly node: string;
  /** This node is in the fleet no more. */
  readonly removed: boolean;
  readonly nodes: readonly FleetNodeStatus[];
  readonly feeds: readonly FleetFeedStatus[];
}

export function fleetStatus(
  fleet: Fleet,
  { feeds, folder, home }: Pick<FleetDeps, 'feeds' | 'folder' | 'home'>,
): FleetStatus {
  const { config } = folder;
  const syncs = new Map((fleet.shared.status?.feeds ?? []).map((status) => [status.feed, status]));
  const writers = new Map(
    fleet.roster.everyNode.flatMap((node) => [...node.retired, node.feed].map((feed) => [feed, node.name] as const)),
  );
  const others = fleet.others;
  const copiesOf = (log: FeedLog): number =>
    others.filter(({ feed, key }) => feed === log.id || fleet.copies.there(key, log.id) >= log.length).length;
  return {
    home: config.home,
    node: config.node,
    removed: fleet.membership.isRemoved,
    nodes: fleet.roster.nodes.map(({ key, name, urls }) => ({
      node: name,
      urls,
      state: name === config.node ? 'self' : fleet.isLinkedTo(key) ? 'linked' : 'away',
      registrar: home.current?.registrar === name,
    })),
    feeds: [...feeds.all.values()].map((log) => ({
      node: writers.get(log.id) ?? config.node,
      feed: log.id,
      length: log.length,
      have: log.isReplica ? fleet.copies.here(log.id) : log.length,
      retired: feeds.isRetired(log.id),
      copies: copiesOf(log),
      peers: syncs.get(log.id)?.peers ?? 0,
      fork: log.fork === undefined ? null : log.fork.lengths,
    })),
  };
}
