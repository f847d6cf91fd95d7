/** What people do with threads: at once on the screen, then at the hub, and back again when they change their mind. */
import type { MethodCall } from '../jmap/connection.ts';
import type { EmailHead, Mailbox } from '../jmap/objects.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import type { Notices } from './notices.svelte.ts';
import type { ThreadList, ThreadRow } from './thread-list.svelte.ts';

type Patch = Readonly<Record<string, true | null>>;

interface Change {
  readonly accountId: string;
  readonly emailId: string;
  readonly there: Patch;
  readonly back: Patch;
}

export interface FilingDeps {
  readonly line: Line;
  readonly notices: Notices;
  readonly texts: Texts;
  readonly account: (id: string) => MailAccount;
  readonly list: () => ThreadList | undefined;
}

/** Emails of one Email/set: RFC 8620 asks servers for five hundred at least. */
const UPDATES_AT_ONCE = 500;
export type MovedToRole = 'archive' | 'inbox' | 'junk' | 'trash';

export class Filing {
  readonly #deps: FilingDeps;

  constructor(deps: FilingDeps) {
    this.#deps = deps;
  }

  /** Out of the mailbox that is looked at (or out of all, from a search), into another: that of each row's account. */
  async move(
    rows: readonly ThreadRow[],
    target: (account: MailAccount) => Mailbox | undefined,
    said: string,
  ): Promise<void> {
    const gone: ThreadRow[] = [];
    const changes = rows.flatMap((row) => {
      const account = this.#deps.account(row.accountId);
      const targetId = target(account)?.id;
      const sourceId = this.#sourceIn(account);
      if (targetId === undefined || targetId === sourceId) return [];
      if (sourceId !== undefined) gone.push(row);
      return row.emails.flatMap((email) => moved(account, email, sourceId, targetId));
    });
    if (changes.length === 0) return;
    this.#drop(gone);
    await this.#do(changes, said);
  }

  async toRole(rows: readonly ThreadRow[], role: MovedToRole): Promise<void> {
    const { texts } = this.#deps;
    const said = {
      archive: texts.t.archived,
      inbox: texts.t.movedToInbox,
      junk: texts.t.junked,
      trash: texts.t.deleted,
    };
    await this.move(rows, ({ mailboxes }) => mailboxes.role(role), said[role](rows.length));
  }

  /** For ever: what is in the trash. */
  async destroy(rows: readonly ThreadRow[]): Promise<void> {
    const { line, notices, texts } = this.#deps;
    const calls = [...byAccount(rows)].map(([accountId, own]): MethodCall => {
      const sourceId = this.#sourceIn(this.#deps.account(accountId)) ?? '';
      const emails = own.flatMap((row) => row.emails).filter(({ mailboxIds }) => mailboxIds[sourceId]);
      return ['Email/set', { accountId, destroy: emails.map(({ id }) => id) }, accountId];
    });
    this.#drop(rows);
    await line.attempt((connection) => connection.call(calls));
    notices.say(texts.t.destroyed(rows.length));
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
  #sourceIn(account: MailAccount): string | undefined {
    const place = this.#deps.list()?.place;
    return place?.accountId === undefined ? account.mailboxes.role(place?.role ?? '')?.id : place.mailboxId;
  }

  #drop(rows: readonly ThreadRow[]): void {
    this.#deps.list()?.drop(keysOf(rows));
  }

  async #do(changes: readonly Change[], said?: string): Promise<void> {
    const { list, notices, texts } = this.#deps;
    if (changes.length === 0) return;
    const undo = async (): Promise<void> => {
      await this.#set(changes.map((change) => ({ ...change, there: change.back })));
      list()?.refresh();
    };
    if (said !== undefined) notices.say(said, undo);
    try {
      await this.#set(changes);
    } catch (error) {
      notices.problem(texts.t.notDone(error instanceof Error ? error.message : String(error)));
      list()?.refresh();
    }
  }

  async #set(changes: readonly Change[]): Promise<void> {
    const { line } = this.#deps;
    for (const [accountId, own] of byAccount(changes))
      for (let at = 0; at < own.length; at += UPDATES_AT_ONCE) {
        const page = own.slice(at, at + UPDATES_AT_ONCE);
        const update = Object.fromEntries(page.map(({ emailId, there }) => [emailId, there]));
        const answers = await line.attempt((connection) =>
          connection.call([['Email/set', { accountId, update }, 'set']]),
        );
        const { notUpdated } = answers.get('set') as {
          notUpdated?: Record<string, { type: string; description?: string }> | null;
        };
        // What is gone meanwhile needs nothing more done to it.
        const refused = Object.values(notUpdated ?? {}).find(({ type }) => type !== 'notFound');
        if (refused !== undefined) throw new Error(refused.description ?? refused.type);
      }
  }
}

function moved(account: MailAccount, email: EmailHead, sourceId: string | undefined, targetId: string): Change[] {
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
