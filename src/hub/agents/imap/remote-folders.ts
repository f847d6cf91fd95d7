/**
 * Which mailbox is which folder of the server, and how far each folder is known. Stands beside the account in the store, so a
 * restart goes on where it was.
 */
import { createHash } from 'node:crypto';
import { ALL_RIGHTS, type MailAccount, type MailboxRecord } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import type { FolderMark, FolderToSync, ImapToldCalls, RemoteFolder } from './imap-protocol.ts';
import { FOLDERS_MAX } from './limits.ts';

interface FolderState {
  readonly path: string;
  readonly delimiter: string;
  /** Empty: never selected. */
  readonly uidValidity: string;
  readonly mark?: FolderMark | undefined;
  /** How many messages were known at the mark: a store that has lost some compares again. */
  readonly known?: number | undefined;
}

const ROLES = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash'];

export class RemoteFolders {
  readonly #account: MailAccount;
  readonly #states = new Map<string, FolderState>();
  /** Folders that the server does not have any more; their mailboxes go when all folders were looked at. */
  readonly gone = new Set<string>();
  #delimiter = '/';
  /** Of the paths of mailboxes without a parent; the agent tells it before anything is to be done. */
  #prefix = '';

  constructor(account: MailAccount) {
    this.#account = account;
    const doomed = this.#pending('mailboxDestroy');
    for (const id of [...account.mailboxes().map((mailbox) => mailbox.id), ...doomed]) {
      const text = account.agentValue(`folder ${id}`);
      if (text === undefined || text === '') continue;
      const state = JSON.parse(text) as FolderState;
      this.#states.set(id, state);
      this.#delimiter = state.delimiter;
    }
  }

  /** Marks that the store does not bear out are forgotten. */
  check(count: (mailboxId: string) => number): void {
    for (const [id, state] of this.#states) if (state.mark !== undefined && state.known !== count(id)) this.unmark(id);
  }

  pathOf(mailboxId: string): string | undefined {
    return this.#states.get(mailboxId)?.path;
  }

  idOf(path: string): string | undefined {
    for (const [id, state] of this.#states) if (state.path === path) return id;
    return undefined;
  }

  uidValidityOf(mailboxId: string): string {
    return this.#states.get(mailboxId)?.uidValidity ?? '';
  }

  markOf(mailboxId: string): FolderMark | undefined {
    return this.#states.get(mailboxId)?.mark;
  }

  mark(mailboxId: string, mark: FolderMark, known: number): void {
    this.#change(mailboxId, { mark, known });
  }

  /** The folder is compared as a whole the next time. */
  unmark(mailboxId: string): void {
    this.#change(mailboxId, { mark: undefined, known: undefined });
  }

  begin(mailboxId: string, uidValidity: string): void {
    this.#change(mailboxId, { uidValidity, mark: undefined, known: undefined });
  }

  /** Where a mailbox belongs by its name and parents. */
  pathFor({ name, parentId }: Pick<MailboxRecord, 'name' | 'parentId'>): string {
    const spelled = name.replaceAll(this.#delimiter, '_');
    const parent = parentId === null ? undefined : this.#account.mailbox(parentId);
    if (parentId === null || parent === undefined) return `${this.#prefix}${spelled}`;
    return `${this.pathOf(parentId) ?? this.pathFor(parent)}${this.#delimiter}${spelled}`;
  }

  /** A folder was made, or has another name, and so have those within it. */
  moved(mailboxId: string, path: string): void {
    const before = this.pathOf(mailboxId);
    this.#change(mailboxId, { path });
    if (before === undefined || before === path) return;
    const prefix = `${before}${this.#delimiter}`;
    for (const [id, state] of [...this.#states])
      if (state.path.startsWith(prefix))
        this.#change(id, { path: `${path}${this.#delimiter}${state.path.slice(prefix.length)}` });
  }

  forget(mailboxId: string): void {
    this.gone.delete(mailboxId);
    if (!this.#states.delete(mailboxId)) return;
    this.#account.setAgentValue(`folder ${mailboxId}`, '');
  }

  /**
   * Takes over all folders of the server. The uncertain one, into which a message was being put when the connection ended, is
   * compared as a whole, whatever its counts say: a server that was killed may have the message, and counts from before it.
   * Throws HubError when that cannot be all.
   */
  take({ folders, prefix }: ImapToldCalls['folders']['request'], uncertain: string | undefined): FolderToSync[] {
    if (uncertain !== undefined && this.#states.has(uncertain)) this.unmark(uncertain);
    if (folders.length > FOLDERS_MAX) throw new HubError('too_large', 'the server has too many folders');
    if (!folders.some(({ path }) => path.toUpperCase() === 'INBOX'))
      throw new HubError('server_unreachable', 'the server lists no inbox', { retry: 'later' });
    const first = folders[0] as RemoteFolder;
    this.#prefix = prefix;
    this.#delimiter = folders.find(({ delimiter }) => delimiter !== '')?.delimiter ?? first.delimiter;
    const paths = new Set(folders.map(({ path }) => path));
    this.gone.clear();
    for (const [id, state] of this.#states) if (!paths.has(state.path)) this.gone.add(id);
    this.#adoptOwnChanges(paths);
    const roles = new Set<string>();
    const sorted = [...folders].sort((a, b) => a.path.split(a.delimiter).length - b.path.split(b.delimiter).length);
    for (const folder of sorted) this.#takeOne(folder, roles);
    return this.#order(folders.filter(({ isSelectable }) => isSelectable));
  }

  /** What was made or renamed here and done there, before the end of a life could be noted. */
  #adoptOwnChanges(paths: ReadonlySet<string>): void {
    const pending = [...this.#pending('mailboxCreate'), ...this.#pending('mailboxUpdate')];
    for (const id of pending) {
      const mailbox = this.#account.mailbox(id);
      if (mailbox === undefined || (this.#states.has(id) && !this.gone.has(id))) continue;
      const path = this.pathFor(mailbox);
      if (!paths.has(path) || this.idOf(path) !== undefined) continue;
      this.moved(id, path);
      this.gone.delete(id);
    }
  }

  #takeOne(folder: RemoteFolder, roles: Set<string>): void {
    const known = this.idOf(folder.path);
    const id = known ?? this.#newId(folder.path);
    if (known === undefined) this.#change(id, { path: folder.path, delimiter: folder.delimiter });
    if (this.#pending('mailboxDestroy').has(id)) return;
    const role = folder.role === undefined || roles.has(folder.role) ? null : folder.role;
    if (role !== null) roles.add(role);
    const isPending = this.#pending('mailboxUpdate').has(id) || this.#pending('mailboxCreate').has(id);
    const before = this.#account.mailbox(id);
    const parentId = folder.parentPath === undefined ? null : (this.idOf(folder.parentPath) ?? null);
    const isInbox = role === 'inbox';
    const canHold = folder.isSelectable;
    this.#account.putMailbox(
      {
        id,
        name: isInbox ? 'Inbox' : folder.name,
        parentId: parentId === null || this.#account.mailbox(parentId) === undefined ? null : parentId,
        role,
        sortOrder: before?.sortOrder ?? (role === null ? ROLES.length + 1 : ROLES.indexOf(role) + 1),
        isSubscribed: folder.isSubscribed,
        rights: {
          ...ALL_RIGHTS,
          mayAddItems: canHold,
          mayRename: !isInbox,
          mayDelete: !isInbox,
          mayReadItems: canHold,
        },
        // What is pending here is what the person wants to see.
        ...(isPending && before !== undefined
          ? { name: before.name, parentId: before.parentId, isSubscribed: before.isSubscribed }
          : {}),
      },
      'agent',
    );
  }

  /** The inbox first, then what people look at. */
  #order(folders: readonly RemoteFolder[]): FolderToSync[] {
    const doomed = this.#pending('mailboxDestroy');
    const rank = ({ role }: RemoteFolder): number => {
      const at = role === undefined ? -1 : ROLES.indexOf(role);
      return at < 0 ? ROLES.length : at;
    };
    return [...folders]
      .sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1))
      .flatMap(({ path }) => {
        const id = this.idOf(path);
        if (id === undefined || doomed.has(id)) return [];
        return [{ path, uidValidity: this.uidValidityOf(id), mark: this.markOf(id) }];
      });
  }

  #pending(kind: 'mailboxCreate' | 'mailboxUpdate' | 'mailboxDestroy'): ReadonlySet<string> {
    const all = this.#account.pending(Number.MAX_SAFE_INTEGER);
    return new Set(all.filter(({ change }) => change.kind === kind).map(({ object }) => object));
  }

  /** Made of the path, so that it is the same when the store is filled again; of one that was renamed, another. */
  #newId(path: string): string {
    for (let round = 0; ; round++) {
      const id = `f${createHash('sha256').update(`${round} ${path}`).digest('hex').slice(0, 20)}`;
      if (!this.#states.has(id) && this.#account.mailbox(id) === undefined) return id;
    }
  }

  #change(mailboxId: string, change: Partial<FolderState>): void {
    const before = this.#states.get(mailboxId) ?? { path: '', delimiter: this.#delimiter, uidValidity: '' };
    const state: FolderState = { ...before, ...change };
    this.#states.set(mailboxId, state);
    this.#account.setAgentValue(`folder ${mailboxId}`, JSON.stringify(state));
  }
}
