/**
 * Mail that was written by somebody who had lost the right to write, and that whoever took it had not seen. Whether a
 * removal follows a mail is asked of the whole graph at once: one sweep from the newest PDU to the oldest carries the bits
 * of SWEEP_REMOVALS removals, so that thousands of removals cost thousands divided by that many sweeps.
 */
import type { Address } from '../protocol/index.ts';
import type { ChangeSet } from './change-set.ts';
import { SWEEP_REMOVALS } from './limits.ts';
import { type Change, endsRight, type Need } from './rights.ts';
import type { Takings } from './weighing.ts';

export const MAIL_NEED: Need = { level: 2, open: undefined };

export interface SweptPdu {
  readonly author: Address;
  readonly parents: readonly number[];
  /** The changes that it follows. */
  readonly past: ChangeSet;
  readonly isMail: boolean;
}

/** The places of mail whose right was taken by a change that neither follows it nor is followed by it. */
export function findUnseenMail(
  pdus: readonly SweptPdu[],
  taking: Takings,
  placeOf: (change: Change) => number,
): Set<number> {
  const unseen = new Set<number>();
  const removals = [...taking.people()].flatMap((person) =>
    taking.about(person).filter((change) => endsRight(change, person, MAIL_NEED)),
  );
  for (let first = 0; first < removals.length; first += SWEEP_REMOVALS)
    sweep(pdus, removals.slice(first, first + SWEEP_REMOVALS), placeOf, unseen);
  return unseen;
}

function sweep(
  pdus: readonly SweptPdu[],
  removals: readonly Change[],
  placeOf: (change: Change) => number,
  unseen: Set<number>,
): void {
  // Bit b of a place: removal b follows it, or is it.
  const followed = new Int32Array(pdus.length);
  const about = new Map<Address, number[]>();
  for (const [bit, removal] of removals.entries()) {
    if (removal.act.type !== 'member') continue;
    const place = placeOf(removal);
    followed[place] = (followed[place] as number) | (1 << bit);
    about.set(removal.act.about, [...(about.get(removal.act.about) ?? []), bit]);
  }
  for (let place = pdus.length - 1; place >= 0; place--) {
    const pdu = pdus[place] as SweptPdu;
    const bits = followed[place] as number;
    if (bits !== 0) for (const parent of pdu.parents) followed[parent] = (followed[parent] as number) | bits;
    if (!pdu.isMail || unseen.has(place)) continue;
    for (const bit of about.get(pdu.author) ?? [])
      if ((bits & (1 << bit)) === 0 && !pdu.past.has((removals[bit] as Change).index)) unseen.add(place);
  }
}
