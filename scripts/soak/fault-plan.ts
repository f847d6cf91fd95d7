/** Which faults come, in which order, to whom and for how long: a function of the seed alone. */
import { type Prng, SeededPrng } from '../../src/base/index.ts';
import { HOLD_MS } from './limits.ts';
import { HOMES, HOSTS, type HomeName, type HostName, NODES, type NodeName } from './places.ts';

export interface PlannedFault {
  /** 1, 2, 3 … */
  readonly number: number;
  readonly kind: string;
  readonly home: HomeName;
  readonly node: NodeName;
  readonly host: HostName;
  /** One of the user servers that there are then. */
  readonly user: number;
  readonly holdMs: number;
}

/** Every kind comes before one comes again, in another order each time. */
export function* planFaults(seed: number, kinds: readonly string[]): Generator<PlannedFault, never> {
  const prng = new SeededPrng(seed);
  for (let number = 1; ; )
    for (const kind of shuffled(prng, kinds)) {
      const [home, node, host] = [HOMES, NODES, HOSTS].map((names) => names[prng.below(names.length)]) as [
        HomeName,
        NodeName,
        HostName,
      ];
      yield { number: number++, kind, home, node, host, user: prng.below(1_000), holdMs: holdOf(prng, kind) };
    }
}

/** `node-kill north a`: what it is, and where; it is known only when it strikes which user server is met. */
export function nameOf({ home, host, kind, node }: PlannedFault): string {
  if (kind.startsWith('hub-')) return `${kind} ${host}`;
  if (/^(node-(kill|pause|upgrade)|clients-cut)$/.test(kind)) return `${kind} ${home} ${node}`;
  return /^(node-replaced|disk-lost|fleet-cut|home-)/.test(kind) ? `${kind} ${home}` : kind;
}

function holdOf(prng: Prng, kind: string): number {
  const { cut, kill, pauseLeast, pauseMost } = HOLD_MS;
  if (kind.endsWith('-pause')) return pauseLeast + prng.below(pauseMost - pauseLeast);
  if (kind.endsWith('-cut') || kind === 'disk-full') return 1_000 + prng.below(cut);
  return prng.below(kill);
}

function shuffled<Thing>(prng: Prng, things: readonly Thing[]): Thing[] {
  const left = [...things];
  return things.map(() => left.splice(prng.below(left.length), 1)[0] as Thing);
}
