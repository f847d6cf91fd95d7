/** The standard `/query` (RFC 8620, section 5.5): which part of a list of results an answer shows. */
import { z } from 'zod';
import { QUERY_RESULTS_MAX } from '../../limits.ts';
import { id, idOrReference, integer, unsigned } from '../../protocol/arguments.ts';
import { MethodError } from '../../protocol/errors.ts';

export const queryArguments = {
  accountId: id,
  filter: z.unknown().optional(),
  sort: z.unknown().optional(),
  position: integer.nullish(),
  anchor: idOrReference.nullish(),
  anchorOffset: integer.nullish(),
  limit: unsigned.nullish(),
  calculateTotal: z.boolean().nullish(),
};

export interface Window {
  readonly position: number;
  readonly anchor: string | undefined;
  readonly anchorOffset: number;
  readonly limit: number;
  /** The client named none, or a larger one. */
  readonly isLimitOurs: boolean;
}

export function windowOf(args: {
  position?: number | null | undefined;
  anchor?: string | null | undefined;
  anchorOffset?: number | null | undefined;
  limit?: number | null | undefined;
}): Window {
  const limit = Math.min(args.limit ?? QUERY_RESULTS_MAX, QUERY_RESULTS_MAX);
  return {
    position: args.position ?? 0,
    anchor: args.anchor ?? undefined,
    anchorOffset: args.anchorOffset ?? 0,
    limit,
    isLimitOurs: args.limit !== limit,
  };
}

/** The results of `window`, reading no further than it must. `total` is asked only for a position from the end. */
export function sliceOf(
  results: Iterable<string>,
  { position, anchor, anchorOffset, limit }: Window,
  total: () => number,
): { position: number; ids: string[] } {
  if (anchor !== undefined) return aroundAnchor(results, anchor, anchorOffset, limit);
  const start = position < 0 ? Math.max(0, total() + position) : position;
  const ids: string[] = [];
  let index = 0;
  for (const one of results) {
    if (ids.length >= limit) break;
    if (index++ >= start) ids.push(one);
  }
  return { position: start, ids };
}

function aroundAnchor(results: Iterable<string>, anchor: string, offset: number, limit: number) {
  const read: string[] = [];
  let start: number | undefined;
  for (const one of results) {
    if (one === anchor) start = Math.max(0, read.length + offset);
    read.push(one);
    if (start !== undefined && read.length >= start + limit) break;
  }
  if (start === undefined) throw new MethodError('anchorNotFound', `${anchor} is not among the results`);
  return { position: start, ids: read.slice(start, start + limit) };
}
