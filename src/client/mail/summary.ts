/** What lists show of a message; what reading it shows is the vault's MessageText. The two records are sealed for each. */
import type { Address, ConversationId, FeedId, PduId } from '../../protocol/index.ts';
import type { Verification } from '../../vault/index.ts';

export type { AttachmentInfo, MessageText } from '../../vault/index.ts';

/** How far who wrote a message is proven. `device`: its header only, since the body cannot be opened. */
export type Proof = Verification['status'] | 'unreadable';

export interface Summary {
  readonly id: PduId;
  readonly conversation: ConversationId;
  readonly feed: FeedId;
  readonly number: number;
  /** Who wrote it, as the signed header says. */
  readonly author: Address;
  readonly recipients: readonly Address[];
  /** As the message says: for people. */
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly snippet: string;
  /** Milliseconds since 1970, by its author's device. */
  readonly sentAt: number;
  /** Microseconds since 1970, by the node's clock. */
  readonly receivedAt: number;
  /** Bytes of the message in the clear. */
  readonly size: number;
  readonly attachmentCount: number;
  readonly proof: Proof;
  /** Whether the signature also names conversation, recipients and time. */
  readonly bound: boolean;
  /** Why it cannot be read, when it cannot. */
  readonly problem?: string;
  readonly messageId?: string;
  /** Of mail from outside: the home's filter, or the domain that it names, says that it is junk. */
  readonly isSuspected?: true;
  /** Keywords of the person's devices: `read`, `flagged`, `deleted`, labels as `label:NAME`. */
  readonly keywords: readonly string[];
}

export const READ = 'read';
export const DELETED = 'deleted';
export const FLAGGED = 'flagged';
/** Written by somebody whom the person blocks, or suspected, until the person files it. */
export const JUNK = 'junk';
