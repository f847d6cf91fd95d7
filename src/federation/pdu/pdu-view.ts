/** What the layers need of the node: the PDUs it holds, and the people whose home it is. */
import type { Address, ConversationId, Pdu, PduId } from '../../protocol/index.ts';
import type { StoreReader } from '../../store/index.ts';

export interface HeldPdu {
  readonly pdu: Pdu;
  /** undefined: none, erased, or never given to us. */
  readonly body: Uint8Array | undefined;
  /** Local recipients have it; otherwise it is held for the fold alone. */
  readonly delivered: boolean;
}

export interface Place {
  readonly depth: number;
  readonly id: PduId;
}

/** A view that the node folds. */
export interface PduView {
  /** Those held, in any order; those that are not are left out. */
  get(ids: readonly PduId[]): Promise<readonly HeldPdu[]>;
  /** The conversation after `after`, by depth and id; bodies of `member` and `state` PDUs only. */
  page(conversation: ConversationId, after: Place | undefined, limit: number): Promise<readonly HeldPdu[]>;
  /** Whether each is held and delivered, as `reader` sees it. */
  areDelivered(reader: StoreReader, pdus: readonly Pdu[]): Promise<readonly boolean[]>;
  /** Whether each is held at all, as `reader` sees it. */
  areHeld(reader: StoreReader, ids: readonly PduId[]): Promise<readonly boolean[]>;
}

/** Whether mail is taken for a local address now. `uncertain`: nobody of that name is here, which may change by itself. */
export type Admission = 'ok' | 'unknown_recipient' | 'uncertain' | 'over_quota';

/** A body that would come to an address. */
export interface Arrival {
  readonly address: Address;
  readonly sizeBytes: number;
}

export interface LocalPeople {
  /** In their order; each counts with those before it to the same address. */
  admit(arrivals: readonly Arrival[]): Promise<readonly Admission[]>;
  /** The keys by which the account's devices signed, ever, as far as is known here; undefined: no such account. */
  deviceKeys(address: Address): Promise<readonly Uint8Array[] | undefined>;
  /** What is not known here is asked of the rest of the home. Throws FederationError `unavailable` where nobody can tell now. */
  catchUp(address: Address): Promise<void>;
  /**
   * The chain after version `after`, as much as fits one answer; empty: there is no more. Throws FederationError
   * `unavailable` where nobody can tell now.
   */
  documents(address: Address, after: number): Promise<readonly Uint8Array[]>;
}
