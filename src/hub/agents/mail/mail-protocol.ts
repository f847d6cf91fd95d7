/** What a user server and the mail agent say to each other. Everything is fit for structured cloning. */
import type { DeliveryReport, FolderWords, Manifest, OrdinaryMail, Report } from '../../../client/index.ts';
import type { FolderId } from '../../../protocol/index.ts';
import type { PersonCalls } from './person-calls.ts';

/** A message as the account's devices have it. */
export interface ToldMessage {
  /** The PDU's id. */
  readonly pdu: string;
  /** The conversation, unless the message is in one of its own: then its header tells the thread. */
  readonly conversation: string | undefined;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly size: number;
  /** As JMAP spells them. */
  readonly keywords: readonly string[];
  readonly folders: readonly FolderId[];
  readonly isDeleted: boolean;
}

/** A message with what it says: told when the user server has it not yet. */
export interface WholeMessage extends ToldMessage {
  readonly headerBlock: Uint8Array;
  readonly hasAttachment: boolean;
  readonly preview: string;
  readonly text: string;
}

export type MessageContent = Omit<WholeMessage, keyof ToldMessage>;

export interface ToldFolder {
  readonly id: FolderId;
  readonly name: string | undefined;
  readonly parent: FolderId | undefined;
  readonly role: string | undefined;
  readonly sortOrder: number;
  readonly isSubscribed: boolean;
}

export interface Difference<Item> {
  readonly added: readonly Item[];
  readonly removed: readonly Item[];
}

/** What became of mail at another home. */
export type ToldDelivery = Omit<DeliveryReport, 'pdu'> & { readonly key: string };

export interface AgentStatus {
  readonly connection: 'disconnected' | 'connecting' | 'connected';
  readonly node: string | undefined;
  /** What waits for a node to take it. */
  readonly queued: number;
  /** Standing alarms, newest first. */
  readonly alarms: readonly { readonly code: string; readonly subject: string; readonly detail: string }[];
}

/** What the agent asks of the user server. (A type, since an interface has no index signature.) */
export type ToldCalls = {
  /** Answers which of them have no content there. Everything before is as durable as the cache is when it answers. */
  readonly messages: {
    readonly request: { readonly messages: readonly ToldMessage[] };
    readonly reply: { readonly wanted: readonly string[] };
  };
  /** Those that were asked for. */
  readonly contents: { readonly request: { readonly messages: readonly WholeMessage[] }; readonly reply: object };
  /** All that something was said of. */
  readonly folders: { readonly request: { readonly folders: readonly ToldFolder[] }; readonly reply: object };
  /** `node`: the one that is connected; undefined: none answers. */
  readonly report: {
    readonly request: { readonly report: Report; readonly node: string | undefined };
    readonly reply: object;
  };
  readonly status: { readonly request: AgentStatus; readonly reply: object };
  /** All that is known of mail that was handed in with a key. `isLater`: some of it is being handed in: tell again. */
  readonly deliveries: {
    readonly request: { readonly deliveries: readonly ToldDelivery[] };
    readonly reply: { readonly isLater: boolean };
  };
};

/** `later`: the message is not here, and not everything has been fetched yet. */
export interface Outcome {
  readonly status: 'done' | 'later';
}

/** `refused`: nobody has it, and these are why; the others may have it without them. `later`: nobody can know now. */
export type SendOutcome =
  /** `ordinary`: to whom it goes by ordinary mail, since no home has them. */
  | { readonly status: 'taken'; readonly ordinary: OrdinaryMail | undefined }
  | {
      readonly status: 'refused';
      readonly code: string;
      readonly message: string;
      readonly addresses: readonly string[];
    }
  | { readonly status: 'later'; readonly message: string };

/** What the user server asks of the agent. */
export type MailAgentCalls = PersonCalls & {
  readonly ping: { readonly request: object; readonly reply: object };
  /** The exact bytes that were sent; none when the message or its body is not on this device. */
  readonly raw: {
    readonly request: { readonly pdu: string };
    readonly reply: { readonly mime: Uint8Array | undefined };
  };
  /** A chunk of a large attachment in the clear, from whichever nodes have it; `number` is 1, 2, 3 … */
  readonly chunk: {
    readonly request: { readonly manifest: Manifest; readonly number: number };
    readonly reply: { readonly bytes: Uint8Array };
  };
  /** On this device when it answers; `unknown`: there is no such message. */
  readonly update: {
    readonly request: {
      readonly pdu: string;
      readonly keywords: Difference<string>;
      readonly folders: Difference<FolderId>;
    };
    readonly reply: Outcome;
  };
  readonly delete: { readonly request: { readonly pdu: string }; readonly reply: Outcome };
  /** A message that was made here, such as a draft: mail to oneself, once for each key. */
  readonly create: {
    readonly request: {
      readonly key: string;
      readonly mime: Uint8Array;
      readonly keywords: readonly string[];
      readonly folders: readonly FolderId[];
    };
    readonly reply: { readonly pdu: string };
  };
  /** Durably on its way when it answers `taken`; once for each key. */
  readonly send: {
    readonly request: {
      readonly key: string;
      readonly mime: Uint8Array;
      readonly shown: readonly string[];
      readonly hidden: readonly string[];
      /** The PDU that it answers, if that is known. */
      readonly answers?: string | undefined;
      /** Its envelope has no sender. */
      readonly returnsNothing: boolean;
    };
    readonly reply: SendOutcome;
  };
  readonly describeFolder: {
    readonly request: { readonly id: FolderId; readonly words: FolderWords };
    readonly reply: object;
  };
  /** A label's folder is gone: messages that were in no other are deleted. */
  readonly removeFolder: { readonly request: { readonly id: FolderId }; readonly reply: object };
  /** Resolves when the home has everything that was changed here. */
  readonly flush: { readonly request: object; readonly reply: object };
  /** There may be mail: ask for a node now. */
  readonly hurry: { readonly request: object; readonly reply: object };
  readonly report: { readonly request: object; readonly reply: { readonly report: Report } };
  /** Tell everything again: the user server has lost what it knew. */
  readonly retell: { readonly request: object; readonly reply: object };
};
