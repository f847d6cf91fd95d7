/**
 * Which JMAP mailbox is which folder of the person's devices. Those with a role have its name as their id; a label's mailbox
 * has the id that JMAP gave it, or one made of the label. Kept beside the account, so that ids stay.
 */
import { createHash } from 'node:crypto';
import { ALL_RIGHTS, type MailAccount, type MailboxRecord } from '../../jmap/index.ts';
import { FOLDER_ROLES, type FolderId, isLabel } from '../../protocol/index.ts';

/** As people call them. */
const ROLE_NAMES: Readonly<Record<string, string>> = {
  inbox: 'Inbox',
  sent: 'Sent',
  archive: 'Archive',
  drafts: 'Drafts',
  junk: 'Junk',
  trash: 'Trash',
};
const LABEL = 'label:';

/** What devices said of a folder; undefined properties: nothing. */
export interface FolderLook {
  readonly name: string | undefined;
  readonly parent: FolderId | undefined;
  readonly role: string | undefined;
  readonly sortOrder: number;
  readonly isSubscribed: boolean;
}

const PLAIN: FolderLook = { name: undefined, parent: undefined, role: undefined, sortOrder: 0, isSubscribed: true };

export class FolderMap {
  readonly #account: MailAccount;

  constructor(account: MailAccount) {
    this.#account = account;
  }

  /** The mailboxes that everybody has. */
  ensureRoles(): void {
    for (const role of FOLDER_ROLES) this.mailboxOf(role);
  }

  /** The mailbox of a folder; made if there is none yet. */
  mailboxOf(folder: FolderId): string {
    const id = this.#idOf(folder);
    if (this.#account.mailbox(id) === undefined) this.look(folder, PLAIN);
    return id;
  }

  /** The id that its mailbox has, had, or would have. */
  known(folder: FolderId): string {
    return isLabel(folder) ? (this.#account.agentValue(`mailbox ${folder}`) ?? mailboxIdOf(folder)) : folder;
  }

  /** Undefined for a mailbox that no folder was made for yet. */
  folderOf(mailboxId: string): FolderId | undefined {
    if ((FOLDER_ROLES as readonly string[]).includes(mailboxId)) return mailboxId as FolderId;
    return this.#account.agentValue(`folder ${mailboxId}`) as FolderId | undefined;
  }

  /** A mailbox that was made here: its folder is a label, named after it unless another has that label. */
  adopt(mailbox: MailboxRecord): FolderId {
    const known = this.folderOf(mailbox.id);
    if (known !== undefined) return known;
    const label: FolderId = `${LABEL}${mailbox.name}`;
    const folder: FolderId =
      this.#account.agentValue(`mailbox ${label}`) === undefined ? label : `${label} ${mailbox.id}`;
    this.#remember(folder, mailbox.id);
    return folder;
  }

  /** Takes over how devices want it shown. */
  look(folder: FolderId, { isSubscribed, name, parent, role, sortOrder }: FolderLook): void {
    const id = this.#idOf(folder);
    const order = FOLDER_ROLES.indexOf(folder as (typeof FOLDER_ROLES)[number]);
    this.#account.putMailbox(
      {
        id,
        name: name ?? ROLE_NAMES[folder] ?? folder.slice(LABEL.length),
        parentId: parent === undefined || parent === folder ? null : this.mailboxOf(parent),
        role: isLabel(folder) ? this.#freeRole(id, role) : folder,
        sortOrder: sortOrder === 0 && order >= 0 ? order + 1 : sortOrder,
        isSubscribed,
        rights: isLabel(folder) ? ALL_RIGHTS : { ...ALL_RIGHTS, mayDelete: false },
      },
      'agent',
    );
  }

  /** Devices that gave one role to two labels at the same time are told so by neither: the first keeps it. */
  #freeRole(mailboxId: string, role: string | undefined): string | null {
    if (role === undefined) return null;
    const other = this.#account.mailboxWithRole(role);
    return other === undefined || other.id === mailboxId ? role : null;
  }

  /** The folder is gone, and so is its mailbox. */
  forget(folder: FolderId): void {
    this.#account.removeMailbox(this.#idOf(folder), 'agent');
  }

  #idOf(folder: FolderId): string {
    if (!isLabel(folder)) return folder;
    const known = this.#account.agentValue(`mailbox ${folder}`);
    if (known !== undefined) return known;
    const id = mailboxIdOf(folder);
    this.#remember(folder, id);
    return id;
  }

  #remember(folder: FolderId, mailboxId: string): void {
    this.#account.setAgentValue(`mailbox ${folder}`, mailboxId);
    this.#account.setAgentValue(`folder ${mailboxId}`, folder);
  }
}

/** Of a label that no program has made a mailbox for. */
function mailboxIdOf(folder: FolderId): string {
  return `l${createHash('sha256').update(folder).digest('hex').slice(0, 24)}`;
}
