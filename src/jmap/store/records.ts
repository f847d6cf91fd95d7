/** What a MailStore holds, as its users see it. Times are milliseconds since 1970; ids are JMAP ids. */
import type { Envelope } from '../mime/envelope.ts';

export interface AccountRecord {
  readonly id: string;
  /** The address, or what the person calls it. */
  readonly name: string;
  readonly isPersonal: boolean;
  readonly isReadOnly: boolean;
  /** Which agent fills it. */
  readonly kind: 'encrypted' | 'imap' | 'local';
}

/** RFC 8621, section 2, in the order of the bits in which they are kept. */
export const MAILBOX_RIGHTS = [
  'mayReadItems',
  'mayAddItems',
  'mayRemoveItems',
  'maySetSeen',
  'maySetKeywords',
  'mayCreateChild',
  'mayRename',
  'mayDelete',
  'maySubmit',
] as const;

export type MailboxRights = Readonly<Record<(typeof MAILBOX_RIGHTS)[number], boolean>>;

export const ALL_RIGHTS: MailboxRights = Object.freeze({
  mayReadItems: true,
  mayAddItems: true,
  mayRemoveItems: true,
  maySetSeen: true,
  maySetKeywords: true,
  mayCreateChild: true,
  mayRename: true,
  mayDelete: true,
  maySubmit: true,
});

export interface MailboxRecord {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly isSubscribed: boolean;
  readonly rights: MailboxRights;
}

export interface MailboxCounts {
  readonly totalEmails: number;
  readonly unreadEmails: number;
  readonly totalThreads: number;
  readonly unreadThreads: number;
}

/** An email as it is put into the store. */
export interface NewEmail {
  /** Chosen by the agent so that it stays the same when the store is filled again: letters, digits, `-` and `_`. */
  readonly id: string;
  /** The raw message's blob when it is one of the store's own; otherwise it is read from the account's source. */
  readonly blobId?: string;
  /** When the agent knows threads itself (conversations, OBJECTID). Otherwise by message ids and subject. */
  readonly threadId?: string;
  readonly size: number;
  readonly receivedAt: number;
  readonly keywords: readonly string[];
  readonly mailboxIds: readonly string[];
  /** The raw header block. */
  readonly headerBlock: Uint8Array;
  readonly hasAttachment: boolean;
  readonly preview: string;
  /** What search sees of the body, when it is known already. */
  readonly text?: string;
  /** The agent's own note of where it is. */
  readonly place?: string;
}

/** An email as it is kept. */
export interface EmailRecord {
  readonly n: number;
  readonly id: string;
  readonly threadId: string;
  readonly blobId: string;
  readonly size: number;
  readonly receivedAt: number;
  readonly keywords: readonly string[];
  readonly mailboxIds: readonly string[];
  readonly hasAttachment: boolean;
  readonly preview: string;
  readonly envelope: Envelope;
  readonly place: string | null;
}

/** Sets that changed: both sides of a store merge by these. */
export interface SetDifference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** What an agent still has to do at its server, oldest first. */
export interface PendingChange {
  readonly seq: number;
  readonly at: number;
  /** The email, mailbox or submission. */
  readonly object: string;
  readonly change: PendingKind;
}

export type PendingKind =
  /** With what the agent needs of it, also where emails themselves are not kept on the disk. */
  | {
      readonly kind: 'emailCreate';
      readonly blobId: string | null;
      readonly keywords: readonly string[];
      readonly mailboxIds: readonly string[];
    }
  | { readonly kind: 'emailUpdate'; readonly keywords: SetDifference; readonly mailboxes: SetDifference }
  | { readonly kind: 'emailDestroy'; readonly place: string | null; readonly mailboxIds: readonly string[] }
  | { readonly kind: 'mailboxCreate' }
  | { readonly kind: 'mailboxUpdate'; readonly before: MailboxRecord }
  | { readonly kind: 'mailboxDestroy'; readonly before: MailboxRecord };

export const NO_DIFFERENCE: SetDifference = Object.freeze({ added: [], removed: [] });

export function difference(before: readonly string[], after: readonly string[]): SetDifference {
  return {
    added: after.filter((item) => !before.includes(item)),
    removed: before.filter((item) => !after.includes(item)),
  };
}

export function applyDifference(before: readonly string[], { added, removed }: SetDifference): string[] {
  return [...before.filter((item) => !removed.includes(item)), ...added.filter((item) => !before.includes(item))];
}
