/**
 * What a user server and the agent of an IMAP account say to each other; fit for structured cloning. The agent remembers
 * nothing: what is known of the server stands in the store, and what is to be done there comes from it, step by step.
 */
import type { EnvelopeAddress } from '../../../jmap/index.ts';
import type { HubErrorCode } from '../../hub-error.ts';

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first octet, `starttls` before anything is said, `none` only where nobody can listen. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly user: string;
  /** A password, or a token of OAuth 2. */
  readonly secret: string;
  readonly auth: 'password' | 'oauth2';
}

/** How new access tokens are made (RFC 6749, section 6). */
export interface OAuthRefresh {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** The refresh token. */
  readonly token: string;
}

export interface ImapSettings {
  readonly address: string;
  readonly imap: ServerSettings;
  /** Undefined: the account only receives. */
  readonly smtp: ServerSettings | undefined;
  /** With it, secrets of the servers are made anew when they are over. */
  readonly refresh?: OAuthRefresh | undefined;
}

export interface RemoteFolder {
  readonly path: string;
  readonly name: string;
  readonly parentPath: string | undefined;
  readonly delimiter: string;
  readonly role: string | undefined;
  readonly isSubscribed: boolean;
  /** Whether it can have messages. */
  readonly isSelectable: boolean;
}

/** What the server said of a folder when it was last brought into line. */
export interface FolderMark {
  readonly uidNext: number;
  readonly messages: number;
  /** Undefined for a server without CONDSTORE. */
  readonly modseq: string | undefined;
  /** As STATUS said before the folder was opened; undefined where mod-sequences say more, or nobody has asked. */
  readonly unseen?: number | undefined;
}

export interface FolderToSync {
  readonly path: string;
  readonly uidValidity: string;
  /** Undefined: never, or not to the end. */
  readonly mark: FolderMark | undefined;
}

/** A folder in one of its lives: another UIDVALIDITY, other messages. */
export interface FolderRef {
  readonly path: string;
  readonly uidValidity: string;
}

export interface RemoteMessage {
  readonly uid: number;
  /**
   * What the message is known by in whatever folders it shows, where these are labels of one message (Gmail's X-GM-MSGID).
   * Undefined where each folder has a message of its own, with flags of its own.
   */
  readonly messageId: string | undefined;
  readonly size: number;
  readonly receivedAt: number;
  readonly keywords: readonly string[];
  readonly headerBlock: Uint8Array;
}

export interface RemoteBody {
  readonly uid: number;
  /** As many as there are, whatever was told with the header. */
  readonly size: number;
  readonly preview: string;
  readonly hasAttachment: boolean;
  readonly text: string;
}

/** One command, more or less, at the server. All may be done twice without harm, `append`, `copy` and `move` excepted. */
export type Step =
  | {
      readonly kind: 'append';
      readonly path: string;
      readonly mime: Uint8Array;
      readonly flags: readonly string[];
      readonly receivedAt: number;
    }
  | {
      readonly kind: 'store';
      readonly folder: FolderRef;
      readonly uids: readonly number[];
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  | { readonly kind: 'copy' | 'move'; readonly folder: FolderRef; readonly uid: number; readonly to: string }
  | { readonly kind: 'expunge'; readonly folder: FolderRef; readonly uids: readonly number[] }
  | { readonly kind: 'createFolder'; readonly path: string; readonly isSubscribed: boolean }
  | { readonly kind: 'renameFolder'; readonly path: string; readonly to: string }
  /** What came after `uidNext` was never seen: then the folder stays. */
  | { readonly kind: 'deleteFolder'; readonly folder: FolderRef; readonly uidNext: number }
  | { readonly kind: 'subscribe'; readonly path: string; readonly isSubscribed: boolean };

export type StepOutcome =
  /** Where the message is now, as far as the server said so; and, after a move, whether it has left where it was. */
  | {
      readonly status: 'done';
      readonly at?: { readonly uidValidity: string; readonly uid: number } | undefined;
      readonly hasLeft?: boolean;
    }
  | { readonly status: 'refused'; readonly reason: string };

export interface ImapStatus {
  readonly connection: 'disconnected' | 'connecting' | 'connected';
  /** Why not, or what the server has refused, in words for a person. */
  readonly problem: string | undefined;
  /** Of why there is no connection, for programs that say it in another language; what one folder is refused for has none. */
  readonly problemCode: HubErrorCode | undefined;
  /** Of the last look at all folders that came to its end; milliseconds since 1970. */
  readonly currentAt: number | undefined;
  /** Messages whose header is still to be fetched. */
  readonly toFetch: number;
}

export type ImapToldCalls = {
  /** `refused`: a secret that a server did not take. One that was made by a refresh token is made anew. */
  readonly settings: { readonly request: { readonly refused?: string | undefined }; readonly reply: ImapSettings };
  /** All folders of the server, and what the paths of new ones begin with. Answers which to look at, in what order. */
  readonly folders: {
    readonly request: { readonly folders: readonly RemoteFolder[]; readonly prefix: string };
    readonly reply: { readonly folders: readonly FolderToSync[] };
  };
  /** A folder was selected. Another UIDVALIDITY than before forgets what was known of it. */
  readonly opened: {
    readonly request: FolderRef;
    readonly reply: { readonly known: number; readonly mark: FolderMark | undefined };
  };
  readonly messages: {
    readonly request: FolderRef & { readonly messages: readonly RemoteMessage[] };
    readonly reply: object;
  };
  /** All messages that there are. Answers what is missing here. */
  readonly present: {
    readonly request: FolderRef & { readonly uids: Uint32Array };
    readonly reply: { readonly missing: Uint32Array };
  };
  /** What has changed. Answers which of them are missing here, and how many messages of the folder are known now. */
  readonly changes: {
    readonly request: FolderRef & {
      readonly flags: readonly { readonly uid: number; readonly keywords: readonly string[] }[];
      readonly gone: readonly number[];
    };
    readonly reply: { readonly missing: Uint32Array; readonly known: number };
  };
  /** The folder is here as it is there. */
  readonly synced: { readonly request: FolderRef & { readonly mark: FolderMark }; readonly reply: object };
  /**
   * All folders are, but those that the server has refused: what is nowhere any more is gone. `again`: something may have
   * moved while they were looked at.
   */
  readonly current: {
    readonly request: { readonly refused: readonly string[] };
    readonly reply: { readonly again: boolean };
  };
  /** `look`: nothing more can be done before all folders were looked at again. */
  readonly nextStep: {
    readonly request: object;
    readonly reply: { readonly step: Step | undefined; readonly look: boolean };
  };
  readonly stepped: { readonly request: StepOutcome; readonly reply: object };
  /** Messages whose text is not read yet, newest first; none when all are. */
  readonly textless: {
    /** Paths of folders that cannot be read now. */
    readonly request: { readonly except: readonly string[] };
    readonly reply: { readonly batch: (FolderRef & { readonly messages: readonly TextlessMessage[] }) | undefined };
  };
  readonly bodies: {
    readonly request: FolderRef & { readonly bodies: readonly RemoteBody[]; readonly absent: readonly number[] };
    readonly reply: object;
  };
  readonly status: { readonly request: ImapStatus; readonly reply: object };
  /** The last octets of a message are about to go to the submission server: durable when it is answered. */
  readonly handing: { readonly request: { readonly id: string }; readonly reply: object };
};

export interface TextlessMessage {
  readonly uid: number;
  readonly size: number;
}

/** One message for the submission server. */
export interface Outgoing {
  readonly mime: Uint8Array;
  readonly from: string;
  readonly to: readonly EnvelopeAddress[];
}

export interface RecipientReply {
  readonly recipient: string;
  readonly reply: string;
  readonly isAccepted: boolean;
  /** The server asks to come again for this one. */
  readonly isDeferred: boolean;
}

export type SendProblemCode = Extract<HubErrorCode, 'credential_refused' | 'server_unreachable' | 'failed'>;

export type SendOutcome =
  | { readonly kind: 'sent'; readonly replies: readonly RecipientReply[] }
  /** Nobody has it, and nobody will but those that are deferred. */
  | { readonly kind: 'refused'; readonly replies: readonly RecipientReply[] }
  /** Without a code the reason is what the server said. */
  | { readonly kind: 'later'; readonly reason: string; readonly code: SendProblemCode | undefined }
  /** The connection ended after the message was said and before the answer: the server may have it, or not. */
  | { readonly kind: 'unknown'; readonly reason: string };

export type ImapAgentCalls = {
  readonly ping: { readonly request: object; readonly reply: object };
  /** Octets of a message, fewer than asked for at its end; undefined when it is not there any more. */
  readonly raw: {
    readonly request: FolderRef & {
      readonly uid: number;
      readonly range: { readonly start: number; readonly end: number };
    };
    readonly reply: { readonly bytes: Uint8Array | undefined };
  };
  /** Something is to be done, or everything is to be looked at. */
  readonly nudge: { readonly request: { readonly look: boolean }; readonly reply: object };
  readonly send: { readonly request: Outgoing & { readonly id: string }; readonly reply: SendOutcome };
};
