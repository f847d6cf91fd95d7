/**
 * Which changes of a set count: a pure function of the set (docs/protocol/conversation.md, Which changes count).
 *
 * A change needs a right by those of its own ancestors that count. It loses the right to another that counts, took that
 * right away, and had not seen it: neither is the other's ancestor. So what a removed person dates back counts for nothing,
 * at whatever depth. Since who takes may lose the right to take, this goes in rounds; those that contradict each other in a
 * ring are decided by whose right is older.
 */
import type { Address } from '../protocol/index.ts';
import type { ChangeBook } from './change-book.ts';
import { ChangeSet } from './change-set.ts';
import { CONTESTS_MAX, ROUNDS_MAX } from './limits.ts';
import {
  type Change,
  compareChanges,
  type Deed,
  endsRight,
  type Ground,
  type Need,
  type Right,
  rightTo,
} from './rights.ts';

/** What counts, and which of it takes rights away. */
export interface Weighed {
  readonly counting: ChangeSet;
  readonly taking: Takings;
}

/** Changes that take rights away, by whom they concern. */
export class Takings {
  readonly set = new ChangeSet();
  readonly #about = new Map<Address, Change[]>();
  readonly #settings: Change[] = [];

  add(change: Change): void {
    this.set.add(change.index);
    if (change.act.type === 'state') this.#settings.push(change);
    if (change.act.type !== 'member') return;
    const list = this.#about.get(change.act.about);
    if (list === undefined) this.#about.set(change.act.about, [change]);
    else list.push(change);
  }

  get settings(): readonly Change[] {
    return this.#settings;
  }

  about(author: Address): readonly Change[] {
    return this.#about.get(author) ?? [];
  }

  people(): IterableIterator<Address> {
    return this.#about.keys();
  }
}

/** What `deed` rests on when only `counting` counts. */
export function groundOf(book: ChangeBook, counting: ChangeSet, { past }: Deed): Ground {
  return {
    standing: (address) => book.standing(address, counting, past),
    setting: () => book.setting(counting, past),
  };
}

/** Weighs the changes of `universe`, which holds the ancestors of each of its own; of all without it. */
export function weigh(book: ChangeBook, universe?: ChangeSet): Weighed {
  return new Weighing(book, universe).run();
}

interface Round extends Weighed {
  /** The rights of the taking changes. */
  readonly rights: ReadonlyMap<number, Right>;
}

class Weighing {
  readonly #book: ChangeBook;
  readonly #changes: readonly Change[];
  /** Lost a contest. */
  readonly #barred = new ChangeSet();
  /** Won a contest: these may no longer lose to those that were in it. */
  readonly #won = new Map<number, ChangeSet>();

  constructor(book: ChangeBook, universe: ChangeSet | undefined) {
    this.#book = book;
    this.#changes =
      universe === undefined ? book.changes : Array.from(universe, (index) => book.changes[index] as Change);
  }

  run(): Weighed {
    for (let contest = 0; contest < CONTESTS_MAX; contest++) {
      const settled = this.#settle();
      if (settled.weighed !== undefined) return settled.weighed;
      if (!this.#decide(settled.contested, settled.rights)) break;
    }
    const { agreed, contested } = this.#settle();
    for (const change of contested) if (!this.#won.has(change.index)) this.#barred.add(change.index);
    return this.#round(agreed);
  }

  /** Rounds until one says what the one before said. `agreed` and `contested` are of the last two. */
  #settle(): {
    readonly weighed: Weighed | undefined;
    readonly agreed: ChangeSet;
    readonly contested: readonly Change[];
    readonly rights: ReadonlyMap<number, Right>;
  } {
    let before = this.#round(new ChangeSet());
    for (let i = 0; ; i++) {
      const after = this.#round(before.taking.set);
      const contested = this.#changes.filter(
        ({ index }) => before.taking.set.has(index) !== after.taking.set.has(index),
      );
      if (contested.length === 0 || i === ROUNDS_MAX) {
        const agreed = new ChangeSet();
        for (const index of before.taking.set) if (after.taking.set.has(index)) agreed.add(index);
        const rights = new Map([...before.rights, ...after.rights]);
        return { weighed: contested.length === 0 ? after : undefined, agreed, contested, rights };
      }
      before = after;
    }
  }

  /** What counts when `attackers`, and no others, take rights away. */
  #round(attackers: ChangeSet): Round {
    const counting = new ChangeSet();
    const taking = new Takings();
    const rights = new Map<number, Right>();
    const against = new Takings();
    for (const change of this.#changes) if (attackers.has(change.index)) against.add(change);
    for (const change of this.#changes) {
      if (this.#barred.has(change.index)) continue;
      const right = rightTo(change, groundOf(this.#book, counting, change));
      if (right === undefined || this.#isLost(change, right, against)) continue;
      counting.add(change.index);
      if (!right.takes) continue;
      taking.add(change);
      rights.set(change.index, right);
    }
    return { counting, taking, rights };
  }

  #isLost(change: Change, right: Right, against: Takings): boolean {
    const harmless = this.#won.get(change.index);
    const loses = (taking: Change): boolean =>
      harmless?.has(taking.index) !== true && takesUnseen(taking, change, right);
    return against.about(change.author).some(loses) || (right.open !== undefined && against.settings.some(loses));
  }

  /** The contested changes of the eldest right win; false when all have had their turn. */
  #decide(contested: readonly Change[], rights: ReadonlyMap<number, Right>): boolean {
    const basisOf = ({ index }: Change) => rights.get(index)?.basis;
    const open = contested.filter((change) => !this.#won.has(change.index));
    const eldest = open.flatMap((change) => basisOf(change) ?? []).sort(compareChanges)[0];
    if (eldest === undefined) return false;
    const rivals = new ChangeSet();
    for (const { index } of contested) rivals.add(index);
    const winners = open.filter((change) => basisOf(change) === eldest);
    for (const winner of winners) this.#won.set(winner.index, rivals);
    for (const rival of contested) {
      const right = rights.get(rival.index);
      if (right === undefined || this.#won.has(rival.index)) continue;
      if (winners.some((winner) => takesUnseen(winner, rival, right))) this.#barred.add(rival.index);
    }
    return true;
  }
}

/** Whether `taking` ends the right to `change`, and neither is the other's ancestor. */
function takesUnseen(taking: Change, change: Change, need: Need): boolean {
  return (
    taking !== change &&
    endsRight(taking, change.author, need) &&
    !change.past.has(taking.index) &&
    !taking.past.has(change.index)
  );
}
