/**
 * What must hold when everything works again and nobody says anything new: every home that has members holds every PDU, once,
 * so every client of a member folds the same state; and everybody was given what was sent to them, once.
 */
import type { ConversationFold } from '../conversation/index.ts';
import { type Address, type ConversationId, type HomeName, homeOf, type PduId } from '../protocol/index.ts';
import type { HeldPdu } from './federation-home.ts';
import { foldOf } from './federation-person.ts';

export interface Converged {
  readonly pdus: number;
  /** Admitted PDUs that do not count: what conflicts cost. */
  readonly discounted: number;
  readonly homes: number;
}

export interface Outcome {
  readonly conversation: ConversationId;
  /** What some home said it has. */
  readonly acknowledged: ReadonlySet<PduId>;
  readonly heldBy: ReadonlyMap<HomeName, readonly HeldPdu[]>;
  readonly deliveredTo: ReadonlyMap<Address, readonly PduId[]>;
}

/** Throws an Error that names the rule. */
export function checkConvergence({ conversation, acknowledged, heldBy, deliveredTo }: Outcome): Converged {
  const everything = new Map([...heldBy.values()].flat().map((held) => [held.pdu.id, held]));
  for (const id of acknowledged) assert(everything.has(id), 'an acknowledged PDU is nowhere', id);
  const expected = foldOf(conversation, [...everything.values()]);
  assert(expected.missing.length === 0, 'something is missing everywhere', expected.missing);
  assert(expected.size === everything.size, 'something was accepted that cannot be admitted', expected.waiting);
  const homes = homesWithMembers(expected);
  const wanted = signOf(expected);
  for (const home of homes) {
    const held = heldBy.get(home) ?? [];
    const ids = new Set(held.map(({ pdu }) => pdu.id));
    assert(ids.size === held.length, 'a PDU is held once', home);
    const lacking = [...everything.keys()].filter((id) => !ids.has(id));
    assert(lacking.length === 0, 'a home with members holds everything', { home, lacking });
    assert(signOf(foldOf(conversation, held)) === wanted, 'clients of different homes see the same', home);
  }
  for (const [address, delivered] of deliveredTo) {
    const sent = [...everything.values()]
      .filter(({ pdu }) => pdu.recipients.includes(address))
      .map(({ pdu }) => pdu.id);
    const got = new Set(delivered);
    assert(got.size === delivered.length, 'a PDU is delivered once', address);
    const undelivered = sent.filter((id) => !got.has(id));
    assert(undelivered.length === 0, 'everybody gets what they were sent', { address, undelivered });
    assert(got.size === sent.length, 'nobody gets what they were not sent', address);
  }
  const discounted = expected.order.filter((id) => !expected.counts(id)).length;
  return { pdus: everything.size, discounted, homes: homes.size };
}

function homesWithMembers(fold: ConversationFold): ReadonlySet<HomeName> {
  return new Set([...fold.state.members.keys()].filter((address) => fold.isMember(address)).map(homeOf));
}

function signOf(fold: ConversationFold): string {
  const { state, tips, order } = fold;
  return JSON.stringify([{ ...state, members: [...state.members] }, tips, order, order.map((id) => fold.counts(id))]);
}

function assert(condition: unknown, rule: string, context: unknown): asserts condition {
  if (!condition) throw new Error(`${rule}: ${JSON.stringify(context)}`);
}
