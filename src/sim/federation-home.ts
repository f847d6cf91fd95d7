/** What the federation world asks of a home: the real stack, or anything else that claims to converge. */
import type { Clock } from '../base/index.ts';
import type { FederationLink, FederationService } from '../federation/index.ts';
import type { ConversationId, HomeName, Pdu } from '../protocol/index.ts';

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
  /** Every PDU of the conversation that it holds: what its people's clients get. */
  held(conversation: ConversationId): Promise<readonly HeldPdu[]>;
  /** Power off: what is in memory is gone, what is under way does not go on, the disk stays. */
  crash(): void;
}

/** Where a home runs: its name, its clock (whose wall time is wrong), and its way to the other homes. */
export interface HomeSite {
  readonly home: HomeName;
  readonly clock: Clock;
  readonly link: FederationLink;
}

/** A machine with its disk, which outlasts crashes. */
export interface HomeMachine {
  start(): Promise<HomeUnderTest>;
}
