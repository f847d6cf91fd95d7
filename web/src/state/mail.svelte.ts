/** Everything of one person's mail while they are signed in: what the views show and do. */
import type { Login } from '../jmap/login.ts';
import { MAIL, type Mailbox } from '../jmap/objects.ts';
import { texts } from '../texts/texts.svelte.ts';
import { Completeness } from './completeness.svelte.ts';
import { Desk } from './desk.svelte.ts';
import { Filing } from './filing.ts';
import { Line } from './line.svelte.ts';
import { Mailboxes } from './mailboxes.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { OpenThread } from './open-thread.svelte.ts';
import { People } from './people.svelte.ts';
import { Router } from './route.svelte.ts';
import { parseSearch } from './search-query.ts';
import { ThreadList, type ThreadRow } from './thread-list.svelte.ts';

export class Mail {
  readonly login: Login;
  readonly line: Line;
  readonly accountId: string;
  readonly mailboxes: Mailboxes;
  readonly completeness: Completeness;
  readonly notices = new Notices();
  readonly filing: Filing;
  readonly desk: Desk;
  readonly people: People;
  readonly router = new Router();
  list = $state.raw<ThreadList>();
  thread = $state.raw<OpenThread>();
  /** Ids of threads. */
  selected = $state.raw<ReadonlySet<string>>(new Set());
  /** Where the keys are: a position of the list. */
  cursor = $state(0);
  #listKey = '';

  private constructor(line: Line, login: Login) {
    const { session } = line.connection;
    this.line = line;
    this.login = login;
    this.accountId = session.primaryAccounts[MAIL] ?? Object.keys(session.accounts)[0] ?? '';
    this.mailboxes = new Mailboxes(line, this.accountId);
    this.completeness = new Completeness(line, this.accountId);
    const { accountId, mailboxes, notices } = this;
    const own = login.address;
    this.people = new People(own);
    this.filing = new Filing({ line, mailboxes, notices, texts, accountId, list: () => this.list });
    this.desk = new Desk({ line, mailboxes, notices, texts, accountId, own });
  }

  static async open(login: Login, onSignedOut: () => void): Promise<Mail> {
    const line = new Line(login, onSignedOut);
    await line.open();
    const mail = new Mail(line, login);
    await mail.mailboxes.refresh();
    mail.completeness.refresh().catch((error: unknown) => console.warn(error));
    mail.follow();
    line.onChange(() => mail.#changed());
    mail.desk.restore();
    return mail;
  }

  get mailbox(): Mailbox | undefined {
    const { mailbox, search } = this.router.route;
    return search === undefined ? (this.mailboxes.role(mailbox) ?? this.mailboxes.byId(mailbox)) : undefined;
  }

  /** Shows what the address says. */
  follow(): void {
    const { search, threadId } = this.router.route;
    const mailboxId = this.mailbox?.id;
    const key = search === undefined ? `in ${mailboxId}` : `search ${search}`;
    if (key !== this.#listKey) {
      this.#listKey = key;
      this.list?.close();
      const filter = search === undefined ? undefined : parseSearch(search, this.mailboxes.all);
      this.list = new ThreadList(this.line, { accountId: this.accountId, mailboxId, filter });
      this.selected = new Set();
      this.cursor = 0;
    }
    if (threadId === this.thread?.id) return;
    this.thread = threadId === undefined ? undefined : new OpenThread(this.line, this.accountId, threadId);
    void this.thread?.refresh();
  }

  rowAt(position: number): ThreadRow | undefined {
    const id = this.list?.ids[position];
    return id === undefined ? undefined : this.list?.rows.get(id);
  }

  /** What an action is about: what is selected, else what is read, else where the keys are. */
  targets(): readonly ThreadRow[] {
    const { list, selected, thread } = this;
    if (list === undefined) return [];
    const rows = [...list.rows.values()];
    if (selected.size > 0) return distinct(rows.filter(({ head }) => selected.has(head.threadId)));
    if (thread !== undefined) {
      const row = rows.find(({ head }) => head.threadId === thread.id);
      if (row !== undefined) return [row];
      const head = thread.emails?.at(-1);
      return head === undefined ? [] : [{ head, emails: thread.emails ?? [] }];
    }
    const row = this.rowAt(this.cursor);
    return row === undefined ? [] : [row];
  }

  toggle(threadId: string): void {
    const next = new Set(this.selected);
    if (!next.delete(threadId)) next.add(threadId);
    this.selected = next;
  }

  /** After what was read or selected has gone away: the next one is read. */
  moveOn(gone: readonly ThreadRow[]): void {
    const ids = new Set(gone.map(({ head }) => head.threadId));
    this.selected = new Set([...this.selected].filter((id) => !ids.has(id)));
    if (this.thread !== undefined && ids.has(this.thread.id)) this.router.open(undefined);
    this.cursor = Math.max(0, Math.min(this.cursor, (this.list?.total ?? 1) - 1));
  }

  async close(): Promise<void> {
    await this.desk.close();
    this.line.close();
  }

  #changed(): void {
    const complain = (error: unknown): void => this.notices.problem(String(error));
    this.mailboxes.refresh().catch(complain);
    this.completeness.refresh().catch(complain);
    this.list?.refresh();
    void this.thread?.refresh();
  }
}

function distinct(rows: readonly ThreadRow[]): readonly ThreadRow[] {
  return [...new Map(rows.map((row) => [row.head.threadId, row])).values()];
}
