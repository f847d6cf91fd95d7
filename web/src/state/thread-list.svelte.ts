/**
 * A list of threads of any length, of which only what is looked at is fetched: pages of ids with what their rows show. When
 * something changes the pages in sight are asked for again; what was shown stays until the answer is there.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Connection, MethodCall } from '../jmap/connection.ts';
import { type EmailHead, HEAD_PROPERTIES, type Thread } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import { ListPlaces, Order } from './list-places.ts';
import type { Shelf } from './shelf.svelte.ts';

/** A row: the newest email of the thread that the list is about, and the thread's other emails. */
export interface ThreadRow {
  /** Of the thread, among those of all accounts. */
  readonly key: string;
  readonly accountId: string;
  readonly head: EmailHead;
  readonly emails: readonly EmailHead[];
}

export interface ListPlace {
  /** Undefined: all accounts. */
  readonly accountId: string | undefined;
  /** Undefined for a search in everything, and for all accounts. */
  readonly mailboxId: string | undefined;
  /** For all accounts: of the mailbox that is looked at in each. */
  readonly role: string | undefined;
  /** Of a search, by account. */
  readonly filters: Readonly<Record<string, object>> | undefined;
}

const PAGE_ROWS = 50;
const NEWEST_FIRST = [{ property: 'receivedAt', isAscending: false }];

interface Deps {
  readonly line: Line;
  readonly shelf: Shelf;
  /** Learns from each mail that is shown. */
  readonly people: { note(email: EmailHead): void };
}

export class ThreadList {
  readonly place: ListPlace;
  /** Undefined until the first answer. */
  total = $state<number>();
  /** Emails by position; what is not here is not fetched yet. */
  order = $state.raw(new Order());
  readonly rows = new SvelteMap<string, ThreadRow>();
  /** HTML with marks, by email, of a search. */
  readonly snippets = new SvelteMap<string, { readonly subject: string | null; readonly preview: string | null }>();
  problem = $state<unknown>();
  readonly #deps: Deps;
  readonly #places = new ListPlaces();
  /** `late`: asked for before a change. */
  readonly #pages = new Map<number, 'asked' | 'late' | 'here'>();
  #seen: readonly [first: number, last: number] = [0, 0];
  #isClosed = false;

  constructor(deps: Deps, place: ListPlace) {
    this.#deps = deps;
    this.place = place;
    if (deps.line.state !== 'live') void this.#takeKept();
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
    for (const [page, state] of this.#pages)
      if (state === 'here') this.#pages.delete(page);
      else this.#pages.set(page, 'late');
    this.look(...this.#seen);
  }

  /** Where the email is that shows a thread. Undefined: not among what is fetched. */
  placeOf(id: string): number | undefined {
    void this.order; // by which it changes
    return this.#places.placeOf(id);
  }

  /** Where the thread is. Undefined: as above. */
  positionOf(key: string): number | undefined {
    void this.order;
    return this.#places.positionOf(key);
  }

  /** Takes threads out of sight before the hub has done so. */
  drop(keys: ReadonlySet<string>): void {
    const gone = this.#places.drop(keys);
    this.total = Math.max(0, (this.total ?? 0) - gone.size);
    this.#placed(gone);
  }

  /** Shows keywords before the hub has them. */
  patch(keys: ReadonlySet<string>, change: (email: EmailHead, accountId: string) => EmailHead): void {
    for (const [id, { accountId, emails, head, key }] of this.rows) {
      if (!keys.has(key)) continue;
      const changed = (email: EmailHead): EmailHead => change(email, accountId);
      this.rows.set(id, { key, accountId, head: changed(head), emails: emails.map(changed) });
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  #load(page: number): void {
    this.#pages.set(page, 'asked');
    this.#deps.line
      // Of a list that nobody looks at any more nothing is asked again.
      .attempt(async (connection) => (this.#isClosed ? undefined : this.#fetch(connection, page)))
      .then(
        (fetched) => {
          if (this.#isClosed || fetched === undefined) return;
          this.problem = undefined;
          this.#take(page, fetched);
          if (page === 0) void this.#deps.shelf.put(this.#keptAs, { ...fetched, total: fetched.ids.length });
          this.#asked(page, 'here');
        },
        (error: unknown) => {
          if (this.#isClosed) return;
          this.problem = error;
          this.#asked(page, undefined);
        },
      );
  }

  /** An answer of before a change is shown, for changes may never end, and asked for again. */
  #asked(page: number, state: 'here' | undefined): void {
    const isLate = this.#pages.get(page) === 'late';
    if (isLate || state === undefined) this.#pages.delete(page);
    else this.#pages.set(page, state);
    if (isLate) this.look(...this.#seen);
  }

  get #keptAs(): string {
    return `list ${JSON.stringify(this.place)}`;
  }

  /** What was looked at before, until there is a line. */
  async #takeKept(): Promise<void> {
    const kept = await this.#deps.shelf.get<Fetched>(this.#keptAs);
    if (kept !== undefined && this.total === undefined) this.#take(0, kept);
  }

  #take(number: number, { ids, rows, snippets, total }: Fetched): void {
    const fetched = new Map(rows.map((row) => [rowId(row), row]));
    const page = ids.map((id) => ({ id, key: fetched.get(id)?.key ?? id }));
    const gone = this.#places.put(number * PAGE_ROWS, page, total);
    for (const [id, row] of fetched) {
      if (!this.rows.has(id)) for (const email of row.emails) this.#deps.people.note(email);
      this.rows.set(id, row);
    }
    for (const { id, subject, preview } of snippets) this.snippets.set(id, { subject, preview });
    this.total = total;
    this.#placed(gone);
  }

  /** A row that has lost its place is not kept: what is done to all that is here would be done to it too. */
  #placed(gone: ReadonlySet<string>): void {
    this.order = this.#places.order;
    for (const id of gone) {
      this.rows.delete(id);
      this.snippets.delete(id);
    }
  }

  async #fetch(connection: Connection, page: number): Promise<Fetched> {
    const { accountId, filters, mailboxId, role } = this.place;
    const position = { position: page * PAGE_ROWS, limit: PAGE_ROWS, calculateTotal: true, collapseThreads: true };
    if (accountId === undefined) return fetchOfAll(connection, position, role, filters);
    const filter = filters?.[accountId];
    const query = { accountId, filter: filter ?? { inMailbox: mailboxId }, sort: NEWEST_FIRST, ...position };
    const ids = { '#ids': from('query', 'Email/query', '/ids') };
    const answers = await connection.call(
      [['Email/query', query, 'query'], ...rowCalls(accountId, '', ids, filter)],
      // Threads that are too long to be fetched together are shown by their newest email alone.
      ['emails', 'snippets'],
    );
    const { ids: order, total } = answers.get('query') as { readonly ids: string[]; readonly total: number };
    const { rows, snippets } = rowsFrom(answers, accountId, '');
    const known = new Set(rows.map(rowId));
    return { ids: order.map((id) => emailKey(accountId, id)).filter((id) => known.has(id)), total, rows, snippets };
  }
}

interface Fetched {
  readonly ids: readonly string[];
  readonly total: number;
  readonly rows: readonly ThreadRow[];
  readonly snippets: readonly Snippet[];
}

interface Snippet {
  /** As of rows. */
  readonly id: string;
  readonly subject: string | null;
  readonly preview: string | null;
}

type Listed = { readonly accountId: string; readonly id: string };

/** Where emails are in the list's maps. */
export function emailKey(accountId: string, emailId: string): string {
  return `${accountId}:${emailId}`;
}

export function rowId({ accountId, head }: ThreadRow): string {
  return emailKey(accountId, head.id);
}

function from(resultOf: string, name: string, path: string): object {
  return { resultOf, name, path };
}

/** All accounts: first which emails, then what their rows show, from each account. */
async function fetchOfAll(
  connection: Connection,
  position: object,
  role: string | undefined,
  filters: ListPlace['filters'],
): Promise<Fetched> {
  const asked = { ...position, role, filters }; // JSON leaves out what is undefined
  const answers = await connection.call([['EveryEmail/query', asked, 'query']]);
  const { list, total } = answers.get('query') as { readonly list: readonly Listed[]; readonly total: number };
  const accountIds = [...new Set(list.map(({ accountId }) => accountId))];
  const calls = accountIds.flatMap((accountId) => {
    const ids = list.filter((one) => one.accountId === accountId).map(({ id }) => id);
    return rowCalls(accountId, accountId, { ids }, filters?.[accountId]);
  });
  const mayFail = accountIds.flatMap((id) => [`emails${id}`, `snippets${id}`]);
  const rowAnswers = calls.length === 0 ? new Map() : await connection.call(calls, mayFail);
  const fetched = accountIds.map((accountId) => rowsFrom(rowAnswers, accountId, accountId));
  const rows = fetched.flatMap((one) => one.rows);
  const known = new Set(rows.map(rowId));
  const ids = list.map(({ accountId, id }) => emailKey(accountId, id)).filter((id) => known.has(id));
  return { ids, total, rows, snippets: fetched.flatMap((one) => one.snippets) };
}

/** `suffix` tells the answers of accounts apart. */
function rowCalls(accountId: string, suffix: string, ids: object, filter: object | undefined): MethodCall[] {
  const threads = from(`heads${suffix}`, 'Email/get', '/list/*/threadId');
  const emails = from(`threads${suffix}`, 'Thread/get', '/list/*/emailIds');
  const emailIds = 'ids' in ids ? { emailIds: ids.ids } : { '#emailIds': (ids as { '#ids': object })['#ids'] };
  return [
    ['Email/get', { accountId, ...ids, properties: HEAD_PROPERTIES }, `heads${suffix}`],
    ['Thread/get', { accountId, '#ids': threads }, `threads${suffix}`],
    ['Email/get', { accountId, '#ids': emails, properties: HEAD_PROPERTIES }, `emails${suffix}`],
    ...(filter === undefined
      ? []
      : [['SearchSnippet/get', { accountId, filter, ...emailIds }, `snippets${suffix}`] as const]),
  ];
}

function rowsFrom(
  answers: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
  accountId: string,
  suffix: string,
): { readonly rows: readonly ThreadRow[]; readonly snippets: readonly Snippet[] } {
  const heads = listOf<EmailHead>(answers.get(`heads${suffix}`));
  const emails = new Map(listOf<EmailHead>(answers.get(`emails${suffix}`)).map((email) => [email.id, email]));
  const threads = new Map(listOf<Thread>(answers.get(`threads${suffix}`)).map((thread) => [thread.id, thread]));
  const rows = heads.map((head): ThreadRow => {
    const all = threads.get(head.threadId)?.emailIds.flatMap((id) => emails.get(id) ?? []) ?? [];
    const key = `${accountId}:${head.threadId}`;
    return { key, accountId, head, emails: all.length === 0 ? [head] : all };
  });
  const told = listOf<Omit<Snippet, 'id'> & { readonly emailId: string }>(answers.get(`snippets${suffix}`));
  const snippets = told.map(({ emailId, preview, subject }) => ({
    id: emailKey(accountId, emailId),
    preview,
    subject,
  }));
  return { rows, snippets };
}

export function listOf<Item>(answer: Readonly<Record<string, unknown>> | undefined): readonly Item[] {
  return (answer?.list ?? []) as readonly Item[];
}
