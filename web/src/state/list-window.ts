/** Which rows of a list are made: those in sight, and some around them. */
export interface ListGeometry {
  readonly scrollTop: number;
  readonly height: number;
  readonly rowHeight: number;
  /** Rows beyond what is in sight. */
  readonly margin: number;
  readonly total: number;
}

/** `last` is one behind the last row. */
export function sizeOfList({ height, margin, rowHeight, scrollTop, total }: ListGeometry): {
  readonly first: number;
  readonly last: number;
} {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - margin);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + margin);
  // A list that became shorter than it was scrolled to.
  return { first: Math.min(first, Math.max(0, last - 1)), last };
}
