/**
 * A list of threads of any length, of which only what is looked at is fetched: pages of ids with what their rows show. When
 * something changes the pages in sight are asked for again; what was shown stays until the answer is there.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Connection } from '../jmap/connection.ts';
import { type EmailHead, HEAD_PROPERTIES, type Thread } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';

/** A row: the newest email of the thread that the list is about, and the thread's other emails. */
export interface ThreadRow {
  readonly head: EmailHead;
  readonly emails: readonly EmailHead[];
}

export interface ListPlace {
  readonly accountId: string;
  /** Undefined for a search in everything. */
  readonly mailboxId: string | undefined;
  readonly filter: object | undefined;
}

const PAGE_ROWS = 50;
const NEWEST_FIRST = [{ property: 'receivedAt', isAscending: false }];

export class ThreadList {
  readonly place: ListPlace;
  /** Undefined until the first answer. */
  total = $state<number>();
  /** By position; what is not here is not fetched yet. */
  ids = $state.raw<readonly (string | undefined)[]>([]);
  readonly rows = new SvelteMap<string, ThreadRow>();
  /** HTML with marks, by email, of a search. */
  readonly snippets = new SvelteMap<string, { readonly subject: string | null; readonly preview: string | null }>();
  problem = $state<unknown>();
  readonly #line: Line;
  readonly #pages = new Map<number, 'asked' | 'here'>();
  #seen: readonly [first: number, last: number] = [0, 0];
  #isClosed = false;
  /** Answers of before a change are not taken. */
  #epoch = 0;

  constructor(line: Line, place: ListPlace) {
    this.#line = line;
    this.place = place;
  }

  /** The rows that are in sight. */
  look(first: number, last: number): void {
    this.#seen = [first, last];
    for (let page = Math.floor(first / PAGE_ROWS); page <= Math.floor(last / PAGE_ROWS); page++)
      if (!this.#pages.has(page) && (this.total === undefined || page * PAGE_ROWS < Math.max(1, this.total)))
        this.#load(page);
  }

  /** Something has changed. */
  refresh(): void {
    this.#epoch++;
    this.#pages.clear();
    this.look(...this.#seen);
  }

  /** Takes threads out of sight before the hub has done so. */
  drop(threadIds: ReadonlySet<string>): void {
    const kept = this.ids.filter((id) => id === undefined || !threadIds.has(this.rows.get(id)?.head.threadId ?? ''));
    this.total = Math.max(0, (this.total ?? 0) - (this.ids.length - kept.length));
    this.ids = kept;
  }

  /** Shows keywords before the hub has them. */
  patch(threadIds: ReadonlySet<string>, change: (email: EmailHead) => EmailHead): void {
    for (const [id, { emails, head }] of this.rows)
      if (threadIds.has(head.threadId)) this.rows.set(id, { head: change(head), emails: emails.map(change) });
  }

  close(): void {
    this.#isClosed = true;
  }

  #load(page: number): void {
    this.#pages.set(page, 'asked');
    const epoch = this.#epoch;
    this.#line
      .attempt((connection) => this.#fetch(connection, page))
      .then(
        (fetched) => {
          if (this.#isClosed || epoch !== this.#epoch) return;
          this.#pages.set(page, 'here');
          this.problem = undefined;
          this.#take(page, fetched);
        },
        (error: unknown) => {
          if (this.#isClosed || epoch !== this.#epoch) return;
          this.#pages.delete(page);
          this.problem = error;
        },
      );
  }

  #take(page: number, { ids, rows, snippets, total }: Fetched): void {
    for (const row of rows) this.rows.set(row.head.id, row);
    for (const { emailId, subject, preview } of snippets) this.snippets.set(emailId, { subject, preview });
    const all: (string | undefined)[] = this.ids.slice(0, total);
    all.length = total;
    for (const [index, id] of ids.entries()) {
      // A thread that has moved up is in one place only.
      const elsewhere = all.indexOf(id);
      if (elsewhere >= 0) all[elsewhere] = undefined;
      all[page * PAGE_ROWS + index] = id;
    }
    this.ids = all;
    this.total = total;
  }

  async #fetch(connection: Connection, page: number): Promise<Fetched> {
    const { accountId, filter, mailboxId } = this.place;
    const condition = filter ?? { inMailbox: mailboxId };
    const query = {
      ...{ accountId, filter: condition, sort: NEWEST_FIRST, collapseThreads: true },
      ...{ position: page * PAGE_ROWS, limit: PAGE_ROWS, calculateTotal: true },
    };
    const from = (resultOf: string, name: string, path: string): object => ({ resultOf, name, path });
    const ids = from('query', 'Email/query', '/ids');
    const answers = await connection.call(
      [
        ['Email/query', query, 'query'],
        ['Email/get', { accountId, '#ids': ids, properties: HEAD_PROPERTIES }, 'heads'],
        ['Thread/get', { accountId, '#ids': from('heads', 'Email/get', '/list/*/threadId') }, 'threads'],
        [
          'Email/get',
          { accountId, '#ids': from('threads', 'Thread/get', '/list/*/emailIds'), properties: HEAD_PROPERTIES },
          'emails',
        ],
        ...(filter === undefined
          ? []
          : [['SearchSnippet/get', { accountId, filter, '#emailIds': ids }, 'snippets'] as const]),
      ],
      // Threads that are too long to be fetched together are shown by their newest email alone.
      ['emails', 'snippets'],
    );
    return fetchedFrom(answers);
  }
}

interface Fetched {
  readonly ids: readonly string[];
  readonly total: number;
  readonly rows: readonly ThreadRow[];
  readonly snippets: readonly Snippet[];
}

interface Snippet {
  readonly emailId: string;
  readonly subject: string | null;
  readonly preview: string | null;
}

function fetchedFrom(answers: ReadonlyMap<string, Readonly<Record<string, unknown>>>): Fetched {
  const query = answers.get('query') as { readonly ids: string[]; readonly total: number };
  const heads = listOf<EmailHead>(answers.get('heads'));
  const emails = new Map(listOf<EmailHead>(answers.get('emails')).map((email) => [email.id, email]));
  const threads = new Map(listOf<Thread>(answers.get('threads')).map((thread) => [thread.id, thread]));
  const rows = heads.map((head): ThreadRow => {
    const all = threads.get(head.threadId)?.emailIds.flatMap((id) => emails.get(id) ?? []) ?? [];
    return { head, emails: all.length === 0 ? [head] : all };
  });
  const known = new Set(heads.map(({ id }) => id));
  return {
    ids: query.ids.filter((id) => known.has(id)),
    total: query.total,
    rows,
    snippets: listOf<Snippet>(answers.get('snippets')),
  };
}

export function listOf<Item>(answer: Readonly<Record<string, unknown>> | undefined): readonly Item[] {
  return (answer?.list ?? []) as readonly Item[];
}
