/** The PDUs that a home holds, in memory, written by store transactions as a node's are: for tests of the PDU layer. */
import type { HeldPdu, PduView, Place } from '../../src/federation/pdu/index.ts';
import type { Commit, StagedPdu } from '../../src/federation/ports.ts';
import type { ConversationId, Pdu, PduId } from '../../src/protocol/index.ts';
import type { Store, StoreReader } from '../../src/store/index.ts';

export class HeldPdus implements PduView {
  readonly #held = new Map<PduId, HeldPdu>();

  hold(...pdus: readonly Omit<HeldPdu, 'delivered'>[]): void {
    for (const { body, pdu } of pdus) this.#held.set(pdu.id, { body, pdu, delivered: true });
  }

  /** As a node holds what nobody here gets: for the fold alone. */
  take({ accounts, body, pdu }: StagedPdu): void {
    this.#held.set(pdu.id, { body, pdu, delivered: accounts.length > 0 });
  }

  async get(ids: readonly PduId[]): Promise<readonly HeldPdu[]> {
    return ids.flatMap((id) => this.#held.get(id) ?? []);
  }

  async page(conversation: ConversationId, after: Place | undefined, limit: number): Promise<readonly HeldPdu[]> {
    return [...this.#held.values()]
      .filter(({ pdu }) => pdu.conversation === conversation && (after === undefined || order(after, pdu) < 0))
      .sort((one, other) => order(one.pdu, other.pdu))
      .slice(0, limit)
      .map((held) => (held.pdu.type === 'mail' ? { ...held, body: undefined } : held));
  }

  async areDelivered(_: StoreReader, pdus: readonly Pdu[]): Promise<readonly boolean[]> {
    return pdus.map(({ id }) => this.#held.get(id)?.delivered === true);
  }

  async areHeld(_: StoreReader, ids: readonly PduId[]): Promise<readonly boolean[]> {
    return ids.map((id) => this.#held.has(id));
  }

  /** Transactions of `store` that append here once they are committed. */
  commitsOf(store: Store, onCommitted: (pdus: readonly Pdu[]) => void): Commit {
    return (work) =>
      store.transact((rows) =>
        work({
          rows,
          views: rows,
          append: async (entries) =>
            rows.onCommit(() => {
              for (const entry of entries) this.take(entry);
              onCommitted(entries.map(({ pdu }) => pdu));
            }),
        }),
      );
  }
}

function order(one: Place, other: Place): number {
  if (one.depth !== other.depth) return one.depth - other.depth;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
