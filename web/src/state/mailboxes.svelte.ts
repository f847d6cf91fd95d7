/** An account's mailboxes, in the order in which people look for them. */
import type { Mailbox } from '../jmap/objects.ts';
import { createdIn, type SetAnswer } from '../jmap/set-answer.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

const ROLE_ORDER = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash'];

export interface NestedMailbox extends Mailbox {
  readonly depth: number;
}

export class Mailboxes {
  all = $state.raw<readonly Mailbox[]>([]);
  readonly #line: Line;
  readonly #accountId: string;

  constructor(line: Line, accountId: string) {
    this.#line = line;
    this.#accountId = accountId;
    // As they were in this window: without a network they are what there is.
    this.all = JSON.parse(sessionStorage.getItem(this.#keptAs) ?? '[]') as readonly Mailbox[];
  }

  get #keptAs(): string {
    return `restante.mailboxes.${this.#accountId}`;
  }

  /** Also as they were before, in this window. */
  get isKnown(): boolean {
    return this.all.length > 0;
  }

  /** Those with a role. */
  get places(): readonly Mailbox[] {
    const order = ({ role }: Mailbox): number => ROLE_ORDER.indexOf(role ?? '');
    return this.all.filter((mailbox) => order(mailbox) >= 0).sort((a, b) => order(a) - order(b));
  }

  /** The others: what people call labels or folders, children after their parent. */
  get labels(): readonly NestedMailbox[] {
    const places = new Set(this.places.map(({ id }) => id));
    const nested: NestedMailbox[] = [];
    const visit = (parent: string | null, depth: number): void => {
      const children = this.all
        .filter(({ id, parentId }) => !places.has(id) && this.#shownUnder(parentId, places) === parent)
        .sort((a, b) => a.sortOrder - b.sortOrder || a.name.localeCompare(b.name));
      for (const child of children) {
        nested.push({ ...child, depth });
        visit(child.id, depth + 1);
      }
    };
    visit(null, 0);
    return nested;
  }

  byId(id: string | undefined): Mailbox | undefined {
    return this.all.find((mailbox) => mailbox.id === id);
  }

  role(role: string): Mailbox | undefined {
    return this.all.find((mailbox) => mailbox.role === role);
  }

  async refresh(): Promise<void> {
    const args = { accountId: this.#accountId, ids: null };
    const answers = await this.#line.attempt((connection) => connection.call([['Mailbox/get', args, 'all']]));
    this.all = listOf<Mailbox>(answers.get('all'));
    sessionStorage.setItem(this.#keptAs, JSON.stringify(this.all));
  }

  /** Its id. */
  async create(name: string): Promise<string> {
    const args = { accountId: this.#accountId, create: { new: { name } } };
    const answers = await this.#line.attempt((connection) => connection.call([['Mailbox/set', args, 'set']]));
    const id = createdIn(answers.get('set') as SetAnswer, 'new');
    await this.refresh();
    return id;
  }

  /** What is within a place with a role stands with the labels. */
  #shownUnder(parentId: string | null, places: ReadonlySet<string>): string | null {
    return parentId !== null && !places.has(parentId) && this.byId(parentId) !== undefined ? parentId : null;
  }
}
