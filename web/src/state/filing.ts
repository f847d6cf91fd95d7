/** What people do with threads: at once on the screen, then at the hub, and back again when they change their mind. */
import type { Connection } from '../jmap/connection.ts';
import type { EmailHead, Mailbox } from '../jmap/objects.ts';
import { refusalIn, type SetAnswer } from '../jmap/set-answer.ts';
import { reasonOf } from '../texts/reason.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import type { Mailboxes } from './mailboxes.svelte.ts';
import type { Notices } from './notices.svelte.ts';
import type { ThreadList, ThreadRow } from './thread-list.svelte.ts';

type Patch = Readonly<Record<string, true | null>>;

interface Filed {
  readonly accountId: string;
  readonly emailId: string;
}

interface Change extends Filed {
  readonly there: Patch;
  readonly back: Patch;
}

/** Of a mail account, where things can go. */
export interface FilingAccount {
  readonly id: string;
  readonly name: string;
  readonly mailboxes: Pick<Mailboxes, 'byId' | 'role'>;
}

export interface FilingDeps {
  readonly line: { attempt<Result>(work: (connection: Pick<Connection, 'call'>) => Promise<Result>): Promise<Result> };
  readonly notices: Pick<Notices, 'problem' | 'say'>;
  readonly texts: Pick<Texts, 't'>;
  readonly account: (id: string) => FilingAccount;
  readonly list: () => Pick<ThreadList, 'drop' | 'patch' | 'place' | 'refresh'> | undefined;
}

/** Emails of one Email/set: RFC 8620 asks servers for five hundred at least. */
const EMAILS_AT_ONCE = 500;
export type MovedToRole = 'archive' | 'inbox' | 'junk' | 'trash';

export class Filing {
  readonly #deps: FilingDeps;
  /** What is done goes to the hub in the order in which it was done: what is taken back stays taken back. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: FilingDeps) {
    this.#deps = deps;
  }

  /** Out of the mailbox that is looked at (or out of all, from a search), into another: that of each row's account. */
  async move(
    rows: readonly ThreadRow[],
    target: (account: FilingAccount) => Mailbox | undefined,
    said: (count: number) => string,
  ): Promise<void> {
    const { notices, texts } = this.#deps;
    const gone: ThreadRow[] = [];
    const lacking = new Set<string>();
    const movedKeys = new Set<string>();
    const changes = rows.flatMap((row) => {
      const account = this.#deps.account(row.accountId);
      const targetId = target(account)?.id;
      const sourceId = this.#sourceIn(account);
      if (targetId === undefined) lacking.add(account.name);
      if (targetId === undefined || targetId === sourceId) return [];
      if (sourceId !== undefined) gone.push(row);
      const own = row.emails.flatMap((email) => moved(account, email, sourceId, targetId));
      if (own.length > 0) movedKeys.add(row.key);
      return own;
    });
    for (const name of lacking) notices.problem(texts.t.noSuchMailbox(name));
    if (changes.length === 0) return;
    this.#drop(gone);
    await this.#do(changes, said(movedKeys.size));
  }

  async toRole(rows: readonly ThreadRow[], role: MovedToRole): Promise<void> {
    const { texts } = this.#deps;
    const said = {
      archive: texts.t.archived,
      inbox: texts.t.movedToInbox,
      junk: texts.t.junked,
      trash: texts.t.deleted,
    };
    await this.move(rows, ({ mailboxes }) => mailboxes.role(role), said[role]);
  }

  /** For ever: what is in the trash. */
  async destroy(rows: readonly ThreadRow[]): Promise<void> {
    const { notices, texts } = this.#deps;
    const doomed = rows.flatMap(({ accountId, emails }) => {
      const sourceId = this.#sourceIn(this.#deps.account(accountId)) ?? '';
      return emails.filter(({ mailboxIds }) => mailboxIds[sourceId]).map(({ id: emailId }) => ({ accountId, emailId }));
    });
    this.#drop(rows);
    const isDone = await this.#tried(doomed, (page) => ({ destroy: page.map(({ emailId }) => emailId) }));
    if (isDone) notices.say(texts.t.destroyed(rows.length));
  }

  async keyword(rows: readonly ThreadRow[], keyword: string, isSet: boolean, said?: string): Promise<void> {
    const isOther = ({ keywords }: EmailHead): boolean => (keywords[keyword] === true) !== isSet;
    const changes = changesOf(rows, isOther, `keywords/${keyword}`, isSet);
    const changed = new Set(changes.map(({ accountId, emailId }) => `${accountId}:${emailId}`));
    const change = (email: EmailHead, accountId: string): EmailHead =>
      changed.has(`${accountId}:${email.id}`) ? withKeyword(email, keyword, isSet) : email;
    this.#deps.list()?.patch(keysOf(rows), change);
    await this.#do(changes, said);
  }

  /** Labels are an account's own: the rows are of one. */
  async label(rows: readonly ThreadRow[], mailbox: Mailbox, isSet: boolean): Promise<void> {
    const { texts } = this.#deps;
    const isOther = ({ mailboxIds }: EmailHead): boolean => (mailboxIds[mailbox.id] === true) !== isSet;
    const changes = changesOf(rows, isOther, `mailboxIds/${mailbox.id}`, isSet);
    await this.#do(changes, isSet ? texts.t.labelled(mailbox.name) : texts.t.unlabelled(mailbox.name));
  }

  /** The mailbox that is looked at; undefined: a search. */
  #sourceIn(account: FilingAccount): string | undefined {
    const place = this.#deps.list()?.place;
    return place?.accountId === undefined ? account.mailboxes.role(place?.role ?? '')?.id : place.mailboxId;
  }

  #drop(rows: readonly ThreadRow[]): void {
    this.#deps.list()?.drop(keysOf(rows));
  }

  async #do(changes: readonly Change[], said?: string): Promise<void> {
    const { list, notices } = this.#deps;
    if (changes.length === 0) return;
    const undo = async (): Promise<void> => {
      await this.#tried(changes, (page) => ({ update: patches(page, 'back') }));
      list()?.refresh();
    };
    if (said !== undefined) notices.say(said, undo);
    await this.#tried(changes, (page) => ({ update: patches(page, 'there') }));
  }

  /** Whether the hub has done it; if not, it is said why, and what is there is shown again. */
  async #tried<Item extends Filed>(items: readonly Item[], set: (page: readonly Item[]) => object): Promise<boolean> {
    const { list, notices, texts } = this.#deps;
    const done = this.#last.then(() => this.#set(items, set));
    this.#last = done.catch(() => undefined); // said here; what is done after it is done all the same
    try {
      await done;
      return true;
    } catch (error) {
      notices.problem(texts.t.notDone(reasonOf(error, texts.t)));
      list()?.refresh();
      return false;
    }
  }

  async #set<Item extends Filed>(items: readonly Item[], set: (page: readonly Item[]) => object): Promise<void> {
    const { line } = this.#deps;
    for (const [accountId, own] of byAccount(items))
      for (let at = 0; at < own.length; at += EMAILS_AT_ONCE) {
        const args = { accountId, ...set(own.slice(at, at + EMAILS_AT_ONCE)) };
        const answers = await line.attempt((connection) => connection.call([['Email/set', args, 'set']]));
        const { notDestroyed, notUpdated } = answers.get('set') as SetAnswer;
        // What is gone meanwhile needs nothing more done to it.
        const refusals = Object.values({ ...notUpdated, ...notDestroyed });
        const refused = refusals.find(({ type }) => type !== 'notFound');
        if (refused !== undefined) throw refusalIn(refused);
      }
  }
}

function moved(account: FilingAccount, email: EmailHead, sourceId: string | undefined, targetId: string): Change[] {
  const keep = new Set(['drafts', 'sent'].flatMap((role) => account.mailboxes.role(role)?.id ?? []));
  const left = Object.keys(email.mailboxIds)
    .filter((id) => (sourceId === undefined ? !keep.has(id) && id !== targetId : id === sourceId))
    .map((id) => `mailboxIds/${id}`);
  if (left.length === 0) return [];
  const to = `mailboxIds/${targetId}`;
  const there = { ...Object.fromEntries(left.map((path) => [path, null])), [to]: true as const };
  const wasThere = email.mailboxIds[targetId] === true;
  const back = {
    ...Object.fromEntries(left.map((path) => [path, true as const])),
    ...(wasThere ? {} : { [to]: null }),
  };
  return [{ accountId: account.id, emailId: email.id, there, back }];
}

function patches(changes: readonly Change[], way: 'there' | 'back'): Readonly<Record<string, Patch>> {
  return Object.fromEntries(changes.map((change) => [change.emailId, change[way]]));
}

function changesOf(
  rows: readonly ThreadRow[],
  isOther: (email: EmailHead) => boolean,
  path: string,
  isSet: boolean,
): Change[] {
  return rows.flatMap(({ accountId, emails }) =>
    emails.filter(isOther).map(({ id: emailId }) => ({
      ...{ accountId, emailId },
      there: { [path]: isSet || null },
      back: { [path]: !isSet || null },
    })),
  );
}

function byAccount<Item extends { readonly accountId: string }>(items: readonly Item[]): Map<string, Item[]> {
  const grouped = new Map<string, Item[]>();
  for (const item of items) grouped.set(item.accountId, [...(grouped.get(item.accountId) ?? []), item]);
  return grouped;
}

function keysOf(rows: readonly ThreadRow[]): ReadonlySet<string> {
  return new Set(rows.map(({ key }) => key));
}

export function withKeyword(email: EmailHead, keyword: string, isSet: boolean): EmailHead {
  const { [keyword]: _, ...rest } = email.keywords;
  return { ...email, keywords: isSet ? { ...rest, [keyword]: true } : rest };
}
