/**
 * Where the chain of a mailbox has been walked: stretches of verified entries, sorted and disjoint, each with the links at
 * its two ends. Touching stretches whose links agree are one; two that touch are two histories that do not fit.
 */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** The link of `from` - 1. */
  readonly below: Uint8Array;
  /** The link of `to`. */
  readonly top: Uint8Array;
}

export interface Neighbours {
  /** Index of the first stretch that ends at the number before or later. */
  readonly place: number;
  /** Has the number. */
  readonly around: Stretch | undefined;
  /** Ends at the number before. */
  readonly lower: Stretch | undefined;
  /** Begins with the number after. */
  readonly upper: Stretch | undefined;
}

export function neighboursOf(stretches: readonly Stretch[], number: number): Neighbours {
  const place = firstEndingAt(stretches, number - 1);
  const lower = stretches[place]?.to === number - 1 ? stretches[place] : undefined;
  const next = stretches[lower === undefined ? place : place + 1];
  const around = next !== undefined && next.from <= number ? next : undefined;
  const upper = next?.from === number + 1 ? next : undefined;
  return { place, around, lower, upper };
}

/** Puts a verified entry in; `lower` and `upper` are the stretches it joins, undefined where its links do not agree. */
export function insertAt(
  stretches: Stretch[],
  entry: { readonly number: number; readonly previousLink: Uint8Array; readonly link: Uint8Array },
  found: Neighbours,
  lower: Stretch | undefined,
  upper: Stretch | undefined,
): void {
  const joined: Stretch = {
    from: lower?.from ?? entry.number,
    to: upper?.to ?? entry.number,
    below: lower?.below ?? entry.previousLink,
    top: upper?.top ?? entry.link,
  };
  const start = found.lower !== undefined && lower === undefined ? found.place + 1 : found.place;
  stretches.splice(start, (lower === undefined ? 0 : 1) + (upper === undefined ? 0 : 1), joined);
}

/** The links that the ends of stretches know for `number`. */
export function linksAt(stretches: readonly Stretch[], number: number): readonly Uint8Array[] {
  const { around, place, upper } = neighboursOf(stretches, number);
  const next = around === undefined ? upper : stretches[stretches.indexOf(around, place) + 1];
  const links: Uint8Array[] = [];
  if (around?.to === number) links.push(around.top);
  if (next?.from === number + 1) links.push(next.below);
  return links;
}

/** Whether `number` is walked, but not at an end: its link is known to the store alone. */
export function isWithin(stretches: readonly Stretch[], number: number): boolean {
  const { around } = neighboursOf(stretches, number);
  return around !== undefined && number < around.to;
}

function firstEndingAt(stretches: readonly Stretch[], number: number): number {
  let [low, high] = [0, stretches.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((stretches[middle] as Stretch).to < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
