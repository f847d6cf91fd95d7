/** UIDs as a sequence set of IMAP (RFC 9051, section 4.1.1): runs as `from:to`. */
export function uidSetOf(uids: Iterable<number>): string {
  const sorted = [...uids].sort((a, b) => a - b);
  const runs: string[] = [];
  for (let index = 0; index < sorted.length; ) {
    const from = sorted[index] as number;
    let to = from;
    for (index++; index < sorted.length && (sorted[index] as number) <= to + 1; index++) to = sorted[index] as number;
    runs.push(from === to ? `${from}` : `${from}:${to}`);
  }
  return runs.join(',');
}

/** What a set of a server's stands for; undefined for one that is none, or that has more than so many. */
export function uidsIn(set: string, countMax: number): Uint32Array | undefined {
  const uids: number[] = [];
  for (const run of set.split(',')) {
    const [, from, to = from] = /^([1-9]\d{0,9})(?::([1-9]\d{0,9}))?$/.exec(run) ?? [];
    const [first, last] = [Math.min(Number(from), Number(to)), Math.max(Number(from), Number(to))];
    // Of what is not a run, nothing is fewer than the maximum.
    if (!(uids.length + last - first < countMax)) return undefined;
    for (let uid = first; uid <= last; uid++) uids.push(uid);
  }
  return Uint32Array.from(uids);
}
