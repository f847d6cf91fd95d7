/**
 * Bodies that cannot be opened, told apart: what its author signed and nobody can read is a message that is listed as such. What
 * is not what its author signed was damaged here, on the disk or by a mistake of this program, and says nothing of the
 * message: it is fetched again, from any node, and meanwhile the message is not here.
 */
import type { CryptoSuite, Log } from '../../base/index.ts';
import { type Pdu, parsePdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { isBodyOf } from './entry-judge.ts';
import { awaitBody, type EntryPlace } from './held-entry.ts';

export interface LostBodiesDeps {
  readonly log: Log;
  readonly store: Store;
  readonly suite: CryptoSuite;
  /** There is something to ask a node for. */
  readonly onOwed: () => void;
}

export class LostBodies {
  readonly #deps: LostBodiesDeps;

  constructor(deps: LostBodiesDeps) {
    this.#deps = deps;
  }

  /** Whether these bytes are not the body that the header names; then the right ones are asked for. */
  async isLost(place: EntryPlace, pdu: Pdu, body: Uint8Array): Promise<boolean> {
    const { log, onOwed, store, suite } = this.#deps;
    if (isBodyOf(suite, pdu, body)) return false;
    log.warn(
      { feed: place.feed, number: place.number, pdu: pdu.id, bytes: body.length },
      'a body kept here is not what its author signed',
    );
    const isRight = (header: Uint8Array, held: Uint8Array): boolean => isBodyOf(suite, parsePdu(suite, header), held);
    await store.transact((transaction) => awaitBody(transaction, place, isRight));
    onOwed();
    return true;
  }
}
