/** What people do with threads: at once on the screen, then at the hub, and back again when they change their mind. */
import type { EmailHead } from '../jmap/objects.ts';
import type { Texts } from '../texts/texts.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { Mailboxes } from './mailboxes.svelte.ts';
import type { Notices } from './notices.svelte.ts';
import type { ThreadList, ThreadRow } from './thread-list.svelte.ts';

type Patch = Readonly<Record<string, true | null>>;
type Update = Readonly<Record<string, Patch>>;

export interface FilingDeps {
  readonly line: Line;
  readonly mailboxes: Mailboxes;
  readonly notices: Notices;
  readonly texts: Texts;
  readonly accountId: string;
  readonly list: () => ThreadList | undefined;
}

/** Emails of one Email/set: RFC 8620 asks servers for five hundred at least. */
const UPDATES_AT_ONCE = 500;

export class Filing {
  readonly #deps: FilingDeps;

  constructor(deps: FilingDeps) {
    this.#deps = deps;
  }

  /** Out of the mailbox that is looked at (or out of all, from a search), into another. */
  async move(rows: readonly ThreadRow[], targetId: string, said: string): Promise<void> {
    const { list: current, mailboxes } = this.#deps;
    const sourceId = current()?.place.mailboxId;
    if (sourceId === targetId || rows.length === 0) return;
    const keep = new Set(['drafts', 'sent'].flatMap((role) => mailboxes.role(role)?.id ?? []));
    const moved = (email: EmailHead): readonly string[] =>
      Object.keys(email.mailboxIds).filter((id) =>
        sourceId === undefined ? !keep.has(id) && id !== targetId : id === sourceId,
      );
    const emails = rows.flatMap((row) => row.emails).filter((email) => moved(email).length > 0);
    const patches = emails.map((email): readonly [string, Patch, Patch] => {
      const left = moved(email).map((id) => `mailboxIds/${id}`);
      const isThere = email.mailboxIds[targetId] === true;
      return [
        email.id,
        { ...Object.fromEntries(left.map((path) => [path, null])), [`mailboxIds/${targetId}`]: true },
        {
          ...Object.fromEntries(left.map((path) => [path, true])),
          ...(isThere ? {} : { [`mailboxIds/${targetId}`]: null }),
        },
      ];
    });
    if (sourceId !== undefined) this.#drop(rows);
    await this.#do(patches, said);
  }

  async toRole(rows: readonly ThreadRow[], role: 'archive' | 'inbox' | 'junk' | 'trash'): Promise<void> {
    const { mailboxes, texts } = this.#deps;
    const target = mailboxes.role(role);
    if (target === undefined) return;
    const said = {
      archive: texts.t.archived,
      inbox: texts.t.movedToInbox,
      junk: texts.t.junked,
      trash: texts.t.deleted,
    };
    await this.move(rows, target.id, said[role](rows.length));
  }

  /** For ever: what is in the trash. */
  async destroy(rows: readonly ThreadRow[]): Promise<void> {
    const { accountId, line, list, notices, texts } = this.#deps;
    const source = list()?.place.mailboxId;
    const ids = rows
      .flatMap((row) => row.emails)
      .flatMap(({ id, mailboxIds }) => (mailboxIds[source ?? ''] ? [id] : []));
    this.#drop(rows);
    await line.attempt((connection) => connection.call([['Email/set', { accountId, destroy: ids }, 'set']]));
    notices.say(texts.t.destroyed(rows.length));
  }

  async keyword(rows: readonly ThreadRow[], keyword: string, isSet: boolean, said?: string): Promise<void> {
    const emails = rows.flatMap((row) => row.emails).filter(({ keywords }) => (keywords[keyword] === true) !== isSet);
    const path = `keywords/${keyword}`;
    const patches = emails.map(({ id }): readonly [string, Patch, Patch] => [
      id,
      { [path]: isSet || null },
      { [path]: !isSet || null },
    ]);
    const changed = new Set(emails.map(({ id }) => id));
    this.#deps
      .list()
      ?.patch(threadsOf(rows), (email) => (changed.has(email.id) ? withKeyword(email, keyword, isSet) : email));
    await this.#do(patches, said);
  }

  async label(rows: readonly ThreadRow[], mailboxId: string, isSet: boolean): Promise<void> {
    const { mailboxes, texts } = this.#deps;
    const path = `mailboxIds/${mailboxId}`;
    const emails = rows
      .flatMap((row) => row.emails)
      .filter(({ mailboxIds }) => (mailboxIds[mailboxId] === true) !== isSet);
    const patches = emails.map(({ id }): readonly [string, Patch, Patch] => [
      id,
      { [path]: isSet || null },
      { [path]: !isSet || null },
    ]);
    const name = mailboxes.byId(mailboxId)?.name ?? '';
    await this.#do(patches, isSet ? texts.t.labelled(name) : texts.t.unlabelled(name));
  }

  #drop(rows: readonly ThreadRow[]): void {
    this.#deps.list()?.drop(threadsOf(rows));
  }

  async #do(patches: readonly (readonly [id: string, there: Patch, back: Patch])[], said?: string): Promise<void> {
    const { list, notices, texts } = this.#deps;
    if (patches.length === 0) return;
    const undo = async (): Promise<void> => {
      await this.#set(patches.map(([id, , back]) => [id, back]));
      list()?.refresh();
    };
    if (said !== undefined) notices.say(said, undo);
    try {
      await this.#set(patches.map(([id, there]) => [id, there]));
    } catch (error) {
      notices.problem(texts.t.notDone(error instanceof Error ? error.message : String(error)));
      list()?.refresh();
    }
  }

  async #set(updates: readonly (readonly [string, Patch])[]): Promise<void> {
    const { accountId, line } = this.#deps;
    for (let at = 0; at < updates.length; at += UPDATES_AT_ONCE) {
      const update: Update = Object.fromEntries(updates.slice(at, at + UPDATES_AT_ONCE));
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

function threadsOf(rows: readonly ThreadRow[]): ReadonlySet<string> {
  return new Set(rows.map(({ head }) => head.threadId));
}

export function withKeyword(email: EmailHead, keyword: string, isSet: boolean): EmailHead {
  const { [keyword]: _, ...rest } = email.keywords;
  return { ...email, keywords: isSet ? { ...rest, [keyword]: true } : rest };
}
