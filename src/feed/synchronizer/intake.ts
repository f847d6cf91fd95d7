/** Blocks of one feed on their way to the disk: in groups, some groups at a time, in the order in which they came. */
import type { FeedLog } from '../feed-log.ts';
import type { Acceptance } from '../replica.ts';
import type { FeedStore } from './feed-store.ts';
import { STORE_BLOCKS_EAGER, STORE_BLOCKS_FEW, STORE_BLOCKS_MAX, STORE_BYTES_MAX, STORES_MAX } from './limits.ts';
import type { Judged, PeerClaim } from './sync-event.ts';

export type IntakeResult =
  /** Right, and on its way to the disk. */
  | { readonly kind: 'proven'; readonly claim: PeerClaim }
  | { readonly kind: 'judged'; readonly judged: readonly Judged[] }
  | { readonly kind: 'failed'; readonly claims: readonly PeerClaim[]; readonly error: unknown };

export class Intake {
  readonly #store: FeedStore;
  readonly #log: FeedLog;
  readonly #onResult: (result: IntakeResult) => void;
  #waiting: PeerClaim[] = [];
  #underWay = 0;
  #blocksUnderWay = 0;

  constructor(store: FeedStore, log: FeedLog, onResult: (result: IntakeResult) => void) {
    this.#store = store;
    this.#log = log;
    this.#onResult = onResult;
  }

  push(claim: PeerClaim): void {
    this.#waiting.push(claim);
  }

  /** The next groups to store, each a task that ends when it is on disk. */
  *start(): Generator<() => Promise<void>> {
    while (this.#mayStart()) {
      const group = this.#takeGroup();
      this.#underWay += 1;
      this.#blocksUnderWay += group.length;
      yield () => this.#storeGroup(group);
    }
  }

  /** Few blocks at once, since somebody may wait for them; while many are under way, further ones when it is worth it. */
  #mayStart(): boolean {
    if (this.#waiting.length === 0 || this.#underWay >= STORES_MAX) return false;
    return this.#blocksUnderWay < STORE_BLOCKS_FEW || this.#waiting.length >= STORE_BLOCKS_EAGER;
  }

  #takeGroup(): readonly PeerClaim[] {
    let bytes = 0;
    let count = 0;
    for (const { claim } of this.#waiting) {
      if (count === STORE_BLOCKS_MAX || bytes >= STORE_BYTES_MAX) break;
      bytes += claim.block?.length ?? 0;
      count += 1;
    }
    const group = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return group;
  }

  #tellProven(claims: readonly PeerClaim[], acceptances: readonly Acceptance[]): void {
    for (const [i, claim] of claims.entries()) {
      const outcome = acceptances[i]?.outcome;
      if (outcome === 'stored' || outcome === 'known') this.#onResult({ kind: 'proven', claim });
    }
  }

  async #storeGroup(claims: readonly PeerClaim[]): Promise<void> {
    let result: IntakeResult;
    try {
      const acceptances = await this.#store.accept(
        this.#log,
        claims.map(({ claim }) => claim),
        (judged) => this.#tellProven(claims, judged),
      );
      const judged = claims.flatMap((claim, i): Judged[] => {
        const acceptance = acceptances[i];
        return acceptance === undefined ? [] : [{ ...claim, acceptance }];
      });
      result = { kind: 'judged', judged };
    } catch (error) {
      result = { kind: 'failed', claims, error };
    }
    this.#underWay -= 1;
    this.#blocksUnderWay -= claims.length;
    this.#onResult(result);
  }
}
