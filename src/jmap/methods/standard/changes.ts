/** The standard `/changes` (RFC 8620, section 5.2): the same for every type, since the change log is. */
import { z } from 'zod';
import { CHANGES_MAX } from '../../limits.ts';
import { id, parseArguments } from '../../protocol/arguments.ts';
import type { DataType } from '../../protocol/data-types.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { Changes } from '../../store/change-log.ts';
import { accountOf, type Method } from '../call.ts';

const changesArguments = z.strictObject({
  accountId: id,
  sinceState: z.string(),
  maxChanges: z.int().min(1).nullish(),
});

/** `more` adds what the type's own specification asks for. */
export function changesMethod(
  type: DataType,
  capability: string,
  more: (changes: Changes) => Readonly<Record<string, unknown>> = () => ({}),
): Method {
  return {
    name: `${type}/changes`,
    capability,
    permission: 'read',
    run(args, call) {
      const { accountId, sinceState, maxChanges } = parseArguments(changesArguments, args);
      const limit = Math.min(maxChanges ?? CHANGES_MAX, CHANGES_MAX);
      const changes = accountOf(call, accountId).changesSince(type, sinceState, limit);
      if (changes === undefined) throw cannotCalculateChanges();
      const { oldState, newState, hasMoreChanges, created, updated, destroyed } = changes;
      const response = { accountId, oldState, newState, hasMoreChanges, ...more(changes), created, updated, destroyed };
      return [[`${type}/changes`, response]];
    },
  };
}

export function cannotCalculateChanges(): MethodError {
  return new MethodError('cannotCalculateChanges', 'this state is unknown or too old: fetch everything again');
}
