/** What the federation world asks of a home: the real stack, or anything else that claims to converge. */
import type { Clock, Log, Prng } from '../base/index.ts';
import type { FederationLink, FederationService } from '../federation/index.ts';
import type { Address, ConversationId, HomeName, Pdu, PduId } from '../protocol/index.ts';

export interface HeldPdu {
  readonly pdu: Pdu;
  readonly body: Uint8Array | undefined;
}

/** A home between a start and a crash. */
export interface HomeUnderTest {
  /** What other homes call. */
  readonly service: FederationService;
  /** A person of this home hands in a PDU. Settles when it is on disk; rejects when the home crashes first. */
  submit(pdu: Pdu, body: Uint8Array): Promise<void>;
  /** Every PDU of the conversation that it holds: what its people's clients are shown. */
  held(conversation: ConversationId): Promise<readonly HeldPdu[]>;
  /** What one of its people was sent, in the order of the mailbox. */
  delivered(address: Address): Promise<readonly PduId[]>;
  /** Power off: what is in memory is gone, what is under way does not go on, the disk stays. */
  crash(): void;
}

/** Where a home runs. */
export interface HomeSite {
  readonly home: HomeName;
  readonly people: readonly Address[];
  /** Its wall time is wrong. */
  readonly clock: Clock;
  readonly prng: Prng;
  /** Its way to the other homes. */
  readonly link: FederationLink;
  /** An error here ends the run: it is one that nothing in this world excuses. */
  readonly log: Log;
}

/** A machine with its disk, which outlasts crashes. */
export interface HomeMachine {
  start(): Promise<HomeUnderTest>;
}

export type BuildHome = (site: HomeSite) => HomeMachine;
