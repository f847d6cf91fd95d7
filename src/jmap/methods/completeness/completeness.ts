/**
 * Completeness/get and /changes, an extension of ours (docs/protocol/jmap-completeness.md): what an encrypted account knows
 * to be missing. One object for each account, with the id `singleton`.
 */
import { COMPLETENESS } from '../../protocol/capabilities.ts';
import { changesMethod } from '../standard/changes.ts';
import { getMethod } from '../standard/shelf-get.ts';

export const COMPLETENESS_ID = 'singleton';

/** Numbers from one to the other, both of them included. */
export type NumberRange = readonly [from: number, to: number];

export interface Completeness {
  readonly isComplete: boolean;
  /** The one that is connected; null: none answers now. */
  readonly node: string | null;
  /** For people: "complete up to 1 042 on 2 of 3 nodes". */
  readonly sentence: string;
  readonly feeds: readonly {
    readonly feed: string;
    /** The longest head that is known. */
    readonly upTo: number;
    readonly held: number;
    readonly missing: readonly NumberRange[];
    /** Not held, and owed by nobody. */
    readonly expired: readonly NumberRange[];
    /** The last head of each node; null: it has said none. `isAway`: it did not answer when it was asked last. */
    readonly nodes: readonly { readonly node: string; readonly upTo: number | null; readonly isAway: boolean }[];
  }[];
  /** Bodies still to be fetched. */
  readonly pendingBodies: number;
  /** Entries kept aside because they do not verify. */
  readonly unverified: number;
}

export const completenessGet = getMethod({
  type: 'Completeness',
  capability: COMPLETENESS,
  properties: ['id', 'isComplete', 'node', 'sentence', 'feeds', 'pendingBodies', 'unverified'],
  read(account, id) {
    const completeness = account.objects.get<Completeness>('Completeness', id);
    return completeness === undefined ? undefined : { id, ...completeness };
  },
  ids: (account) => account.objects.list('Completeness').map(({ id }) => id),
});
export const completenessChanges = changesMethod('Completeness', COMPLETENESS);
