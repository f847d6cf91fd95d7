/** The objects of JMAP (RFC 8620, RFC 8621) as far as the page uses them. */

export const CORE = 'urn:ietf:params:jmap:core';
export const MAIL = 'urn:ietf:params:jmap:mail';
export const SUBMISSION = 'urn:ietf:params:jmap:submission';
/** An extension of ours, which encrypted accounts have: what is known to be missing. */
export const COMPLETENESS = 'https://restante.org/jmap/completeness';

/** An extension of ours: the emails of all accounts in one list. */
export const EVERY_ACCOUNT = 'https://restante.org/jmap/every-account';

/** Web Push with the hub's own key (RFC 9749). */
export const WEB_PUSH = 'urn:ietf:params:jmap:webpush-vapid';

export interface Session {
  readonly capabilities: Readonly<Record<string, object>>;
  readonly accounts: Readonly<Record<string, Account>>;
  readonly primaryAccounts: Readonly<Record<string, string>>;
  readonly username: string;
  readonly apiUrl: string;
  readonly downloadUrl: string;
  readonly uploadUrl: string;
  readonly eventSourceUrl: string;
  readonly state: string;
}

export interface Account {
  readonly name: string;
  readonly isPersonal: boolean;
  readonly isReadOnly: boolean;
  readonly accountCapabilities: Readonly<Record<string, object>>;
}

export interface Mailbox {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly totalThreads: number;
  readonly unreadThreads: number;
  readonly totalEmails: number;
  readonly unreadEmails: number;
}

export interface EmailAddress {
  readonly name: string | null;
  readonly email: string;
}

export interface BodyPart {
  readonly partId: string | null;
  readonly blobId: string | null;
  readonly size: number;
  readonly name: string | null;
  readonly type: string;
  readonly charset: string | null;
  readonly disposition: string | null;
  readonly cid: string | null;
}

/** What a row of a list shows. */
export interface EmailHead {
  readonly id: string;
  readonly threadId: string;
  readonly mailboxIds: Readonly<Record<string, true>>;
  readonly keywords: Readonly<Record<string, true>>;
  readonly receivedAt: string;
  readonly from: readonly EmailAddress[] | null;
  readonly to: readonly EmailAddress[] | null;
  readonly cc: readonly EmailAddress[] | null;
  readonly subject: string | null;
  readonly preview: string;
  readonly hasAttachment: boolean;
}

export interface Email extends EmailHead {
  readonly blobId: string;
  readonly size: number;
  readonly sentAt: string | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly messageId: readonly string[] | null;
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
  readonly bodyValues: Readonly<Record<string, { readonly value: string; readonly isTruncated: boolean }>>;
  readonly textBody: readonly BodyPart[];
  readonly htmlBody: readonly BodyPart[];
  readonly attachments: readonly BodyPart[];
}

export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly textSignature: string;
}

export interface Thread {
  readonly id: string;
  readonly emailIds: readonly string[];
}

export const HEAD_PROPERTIES: readonly (keyof EmailHead)[] = [
  'id',
  'threadId',
  'mailboxIds',
  'keywords',
  'receivedAt',
  'from',
  'to',
  'cc',
  'subject',
  'preview',
  'hasAttachment',
];

export const EMAIL_PROPERTIES: readonly (keyof Email)[] = [
  ...HEAD_PROPERTIES,
  'blobId',
  'size',
  'sentAt',
  'bcc',
  'replyTo',
  'messageId',
  'inReplyTo',
  'references',
  'bodyValues',
  'textBody',
  'htmlBody',
  'attachments',
];
