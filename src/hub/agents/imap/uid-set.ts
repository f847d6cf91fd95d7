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
