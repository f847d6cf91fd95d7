/**
 * The files of a journal. A log holds the transactions since it was begun; a part holds the rows of the logs in a range of
 * turns, each row once. Names carry the fence of the host that wrote them (`component/fence.ts`), so that what a host writes
 * that was paused and has lost its turn stands apart from what counts.
 */
export interface LogName {
  readonly type: 'log';
  readonly fence: number;
  readonly turn: number;
}

export interface PartName {
  readonly type: 'part';
  readonly fence: number;
  /** The turns of the logs that it holds, inclusive. */
  readonly from: number;
  readonly to: number;
}

export function spellName(name: LogName | PartName): string {
  return name.type === 'log' ? `${name.fence}-${name.turn}.log` : `${name.fence}-${name.from}-${name.to}.part`;
}

/** Undefined for a file of another kind. */
export function parseName(file: string): LogName | PartName | undefined {
  const log = /^(\d{1,15})-(\d{1,15})\.log$/.exec(file);
  if (log !== null) return { type: 'log', fence: Number(log[1]), turn: Number(log[2]) };
  const part = /^(\d{1,15})-(\d{1,15})-(\d{1,15})\.part$/.exec(file);
  if (part === null) return undefined;
  return { type: 'part', fence: Number(part[1]), from: Number(part[2]), to: Number(part[3]) };
}

export function isWithin(inner: PartName, outer: PartName): boolean {
  return inner !== outer && outer.from <= inner.from && inner.to <= outer.to;
}
