/**
 * The changes of a conversation by what they are about, latest first, so that what somebody is given any set of changes is
 * the first that is in it.
 */
import type { Address, PduId } from '../protocol/index.ts';
import type { SettingChange } from './change.ts';
import type { ChangeSet } from './change-set.ts';
import { type Change, compareChanges, type Deed, levelOf, type Standing } from './rights.ts';

interface Page {
  /** What the person is, without invitations. */
  readonly standings: Standing[];
  readonly invitations: Standing[];
}
interface Setting {
  readonly change: SettingChange;
  readonly by: Change;
}

export class ChangeBook {
  readonly changes: Change[] = [];
  readonly #pages = new Map<Address, Page>();
  readonly #settings: Setting[] = [];
  #names = 0;

  /** Changes, and the names that founding mails give: what weighing costs. */
  get size(): number {
    return this.changes.length + this.#names;
  }

  add(change: Change): void {
    this.changes.push(change);
    const { act } = change;
    if (act.type === 'found') {
      this.#write(change.author, { role: 'owner', by: change });
      for (const member of act.members)
        if (member !== change.author) this.#write(member, { role: 'member', by: change });
      this.#names += act.members.length;
    } else if (act.type === 'member') this.#write(act.about, { role: act.role, by: change });
    else if (act.type === 'state') insertLatestFirst(this.#settings, { change: act, by: change });
  }

  people(): IterableIterator<Address> {
    return this.#pages.keys();
  }

  /** What a person is by the changes that count, or by those of them that are in a past. */
  standing(address: Address, counting: ChangeSet, past: ChangeSet = counting): Standing | undefined {
    const page = this.#pages.get(address);
    if (page === undefined) return undefined;
    const standing = latestIn(page.standings, counting, past);
    if (page.invitations.length === 0 || levelOf(standing?.role) > 0) return standing;
    const invitation = latestIn(page.invitations, counting, past);
    const isInvited =
      invitation !== undefined && (standing === undefined || compareChanges(invitation.by, standing.by) > 0);
    return isInvited ? invitation : standing;
  }

  setting(counting: ChangeSet, past: ChangeSet = counting): Setting | undefined {
    return latestIn(this.#settings, counting, past);
  }

  /**
   * Whether what is in its past could ever give a deed a right, whatever counts in the end. What could not is no change:
   * strangers cannot make anybody weigh what they say.
   */
  isThinkable({ act, author, past }: Deed): boolean {
    if (act.type === 'found') return true;
    const page = this.#pages.get(author);
    if (act.type === 'member' && act.about === author)
      return (
        page?.invitations.some(({ by }) => past.has(by.index)) === true ||
        isKnown(page, past) ||
        this.setting(past) !== undefined
      );
    return page?.standings.some(({ role, by }) => role === 'owner' && past.has(by.index)) === true;
  }

  #write(address: Address, standing: Standing): void {
    let page = this.#pages.get(address);
    if (page === undefined) this.#pages.set(address, (page = { standings: [], invitations: [] }));
    insertLatestFirst(standing.role === 'invited' ? page.invitations : page.standings, standing);
  }
}

function isKnown(page: Page | undefined, past: ChangeSet): boolean {
  return page?.standings.some(({ by }) => past.has(by.index)) === true;
}

/** A plain loop: when owners fight, weighing spends nearly all its time here. */
function latestIn<Item extends { readonly by: Change }>(
  items: readonly Item[],
  set: ChangeSet,
  other: ChangeSet,
): Item | undefined {
  for (const item of items) {
    const { index } = item.by;
    if (other.has(index) && set.has(index)) return item;
  }
  return undefined;
}

function insertLatestFirst<Item extends { readonly by: { depth: number; id: PduId } }>(
  items: Item[],
  item: Item,
): void {
  let low = 0;
  for (let high = items.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (compareChanges((items[middle] as Item).by, item.by) > 0) low = middle + 1;
    else high = middle;
  }
  items.splice(low, 0, item);
}
