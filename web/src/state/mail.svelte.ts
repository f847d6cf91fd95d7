/** Everything of one person's mail while they are signed in: what the views show and do. */
import { keepSession, keptSession, type Login } from '../jmap/login.ts';
import { type Email, type EmailAddress, MAIL, type Mailbox, type Session } from '../jmap/objects.ts';
import { reasonOf } from '../texts/reason.ts';
import { texts } from '../texts/texts.svelte.ts';
import { type AnswerKind, answerTo } from './answering.ts';
import { Desk } from './desk.svelte.ts';
import { Filing } from './filing.ts';
import type { LetterContent } from './letter.svelte.ts';
import { Line } from './line.svelte.ts';
import { MailAccount } from './mail-account.ts';
import type { Mailboxes } from './mailboxes.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { Notifier, unsay } from './notifying.svelte.ts';
import { OpenThread } from './open-thread.svelte.ts';
import { People } from './people.svelte.ts';
import { Proofs } from './proofs.svelte.ts';
import { Router } from './route.svelte.ts';
import { searchFilters } from './search-query.ts';
import { Shelf } from './shelf.svelte.ts';
import { ThreadList, type ThreadRow } from './thread-list.svelte.ts';
import { isPushing, WebPush } from './web-push.ts';

export class Mail {
  readonly login: Login;
  readonly line: Line;
  readonly notices = new Notices();
  readonly filing: Filing;
  readonly desk: Desk;
  readonly people: People;
  readonly router = new Router();
  readonly shelf: Shelf;
  readonly proofs: Proofs;
  readonly #notifier: Notifier;
  /** The person's own first. */
  accounts = $state.raw<readonly MailAccount[]>([]);
  list = $state.raw<ThreadList>();
  thread = $state.raw<OpenThread>();
  /** Keys of threads. */
  selected = $state.raw<ReadonlySet<string>>(new Set());
  /** Where the keys were put: on which thread. */
  #held = $state.raw<{ readonly position: number; readonly key: string | undefined }>({ position: 0, key: undefined });
  readonly #cursor = $derived.by(() => {
    const { key, position } = this.#held;
    const at = key === undefined ? undefined : this.list?.positionOf(key);
    return at ?? Math.max(0, Math.min(position, (this.list?.total ?? 1) - 1));
  });
  #listKey = '';

  private constructor(line: Line, login: Login) {
    this.line = line;
    this.login = login;
    this.shelf = new Shelf(login.address);
    this.#takeAccounts();
    this.#notifier = new Notifier(line);
    this.proofs = new Proofs(line, login);
    const { notices } = this;
    const account = (id: string): MailAccount => this.account(id);
    this.people = new People(login.address);
    this.filing = new Filing({ line, notices, texts, account, list: () => this.list });
    this.desk = new Desk({ line, notices, texts, account, own: login.address, primaryId: this.primary.id });
  }

  static async open(login: Login, onSignedOut: () => void): Promise<Mail> {
    const line = new Line(login, onSignedOut);
    await line.open(keptSession());
    const mail = new Mail(line, login);
    keepSession(mail.session);
    // Those of before are shown meanwhile.
    await Promise.all(
      mail.accounts.filter(({ mailboxes }) => !mailboxes.isKnown).map(({ mailboxes }) => mailboxes.refresh()),
    );
    for (const { completeness } of mail.accounts) completeness.refresh().catch((error: unknown) => console.warn(error));
    mail.follow();
    line.onChange(() => mail.#changed());
    void mail.desk.restore();
    new WebPush(line).renew().catch((error: unknown) => console.warn(error));
    return mail;
  }

  get session(): Session {
    return this.line.session;
  }

  get primary(): MailAccount {
    return this.accounts[0] as MailAccount;
  }

  /** The account that is looked at; undefined: all of them. */
  get at(): MailAccount | undefined {
    const { account } = this.router.route;
    if (this.accounts.length === 1) return this.primary;
    return this.accounts.find(({ id }) => id === account);
  }

  /** What is read or looked at belongs to it; the person's own where all are looked at. */
  get accountId(): string {
    return (this.at ?? this.primary).id;
  }

  get mailboxes(): Mailboxes {
    return (this.at ?? this.primary).mailboxes;
  }

  get mailbox(): Mailbox | undefined {
    const { mailbox, search } = this.router.route;
    return search === undefined ? (this.mailboxes.role(mailbox) ?? this.mailboxes.byId(mailbox)) : undefined;
  }

  /** Of an account that has gone meanwhile: the person's own. */
  account(id: string): MailAccount {
    return this.accounts.find((account) => account.id === id) ?? this.primary;
  }

  /** Asks which accounts there are. */
  async renew(): Promise<void> {
    await this.line.renew();
    keepSession(this.session);
    this.#takeAccounts();
    await Promise.all(this.accounts.map((account) => account.refresh()));
    this.#listKey = '';
    this.follow();
  }

  isOwn({ email }: EmailAddress): boolean {
    const address = email.toLowerCase();
    return address === this.login.address || this.accounts.some(({ name }) => name.toLowerCase() === address);
  }

  /** A letter that answers what is read. */
  answer(email: Email, kind: AnswerKind): LetterContent {
    const isOwn = (person: EmailAddress): boolean => this.isOwn(person);
    return answerTo(email, kind, { accountId: this.thread?.accountId ?? this.accountId, isOwn, texts });
  }

  /** The archive's id; of an account without one, the inbox's. */
  async archiveOf(accountId: string): Promise<string> {
    const { mailboxes } = this.account(accountId);
    return (mailboxes.role('archive') ?? mailboxes.role('inbox') ?? mailboxes.all[0])?.id ?? '';
  }

  /** Shows what the address says. */
  follow(): void {
    const { search, threadKey } = this.router.route;
    const mailboxId = this.mailbox?.id;
    const accountId = this.at?.id;
    const key = `${accountId} ${search === undefined ? `in ${mailboxId}` : `search ${search}`}`;
    if (key !== this.#listKey) {
      this.#listKey = key;
      this.list?.close();
      const searched = this.at === undefined ? this.accounts : [this.at];
      const filters = search === undefined ? undefined : searchFilters(search, searched);
      const role = accountId === undefined && search === undefined ? (this.mailbox?.role ?? 'inbox') : undefined;
      this.list = new ThreadList(this, { accountId, mailboxId, role, filters });
      this.selected = new Set();
      this.#held = { position: 0, key: undefined };
    }
    if (threadKey === this.thread?.key) return;
    this.thread = threadKey === undefined ? undefined : OpenThread.at(this, threadKey);
    void this.thread?.refresh();
  }

  /** Where the keys are: a position of the list. It goes with its thread when mail comes or goes above it. */
  get cursor(): number {
    return this.#cursor;
  }

  set cursor(position: number) {
    this.#held = { position, key: this.rowAt(position)?.key };
  }

  /** The list has changed: what is under the keys now is what they are on. */
  holdCursor(): void {
    this.cursor = this.#cursor;
  }

  rowAt(position: number): ThreadRow | undefined {
    const id = this.list?.order.at(position);
    return id === undefined ? undefined : this.list?.rows.get(id);
  }

  /** What an action is about: what is selected, else what is read, else where the keys are. */
  targets(): readonly ThreadRow[] {
    const { list, selected, thread } = this;
    if (list === undefined) return [];
    const rows = [...list.rows.values()];
    if (selected.size > 0) return distinct(rows.filter(({ key }) => selected.has(key)));
    if (thread !== undefined) {
      const row = rows.find(({ key }) => key === thread.key);
      if (row !== undefined) return [row];
      const head = thread.emails?.at(-1);
      const { accountId, key } = thread;
      return head === undefined ? [] : [{ key, accountId, head, emails: thread.emails ?? [] }];
    }
    const row = this.rowAt(this.cursor);
    return row === undefined ? [] : [row];
  }

  toggle(key: string): void {
    const next = new Set(this.selected);
    if (!next.delete(key)) next.add(key);
    this.selected = next;
  }

  /** What was read or selected is to go away. */
  moveOn(gone: readonly ThreadRow[]): void {
    const keys = new Set(gone.map(({ key }) => key));
    this.selected = new Set([...this.selected].filter((key) => !keys.has(key)));
    if (this.thread !== undefined && keys.has(this.thread.key)) this.router.open(undefined);
  }

  /** What has come since the last look is said, if that is wanted; by the first one, nothing is. */
  lookForNews(): Promise<void> {
    return this.#notifier.look(this.accounts);
  }

  /** Nothing of the mail stays in the browser. */
  async close(): Promise<void> {
    this.list?.close();
    const quiet = isPushing() ? new WebPush(this.line).turnOff() : Promise.resolve();
    await Promise.all([
      this.desk.destroy(),
      this.shelf.destroy(),
      unsay(),
      // Without a line it ends with the login that made it.
      this.line.state === 'live' ? quiet.catch((error: unknown) => console.warn(error)) : undefined,
    ]);
    this.line.close();
  }

  /** Those that were there stay the objects that they are. */
  #takeAccounts(): void {
    const { accounts, primaryAccounts } = this.session;
    const first = primaryAccounts[MAIL];
    const ids = Object.keys(accounts).sort((a, b) => Number(b === first) - Number(a === first));
    this.accounts = ids.map((id) => this.accounts.find((one) => one.id === id) ?? new MailAccount(this.line, id));
  }

  /** Resolves when it was looked at; what is sent takes its own time. */
  async #changed(): Promise<void> {
    // An account was added or removed, perhaps from another window.
    if (Object.keys(this.session.accounts).length !== this.accounts.length) this.#takeAccounts();
    keepSession(this.session);
    const complain = (error: unknown): void => this.notices.problem(texts.t.notDone(reasonOf(error, texts.t)));
    this.desk.outbox.flush().catch(complain);
    this.list?.refresh();
    await Promise.all([
      ...this.accounts.map((account) => account.refresh().catch(complain)),
      this.lookForNews().catch(complain),
      this.thread?.refresh(),
    ]);
  }
}

function distinct(rows: readonly ThreadRow[]): readonly ThreadRow[] {
  return [...new Map(rows.map((row) => [row.key, row])).values()];
}
