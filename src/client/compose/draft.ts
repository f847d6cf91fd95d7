/** What a person wants to send. */
import type { Address, ConversationId, PduId } from '../../protocol/index.ts';
import type { AttachmentSource } from '../attachments/source.ts';
import type { OrdinaryWish } from './letters.ts';
import type { Attachment } from './mime-message.ts';

export interface Draft {
  /** Empty, as `cc`, in a conversation: everybody who is in it. */
  readonly to: readonly Address[];
  readonly cc?: readonly Address[];
  readonly bcc?: readonly Address[];
  readonly subject?: string;
  readonly text: string;
  /** What does not fit with the text goes beside the mail, encrypted in chunks. */
  readonly attachments?: readonly (Attachment | AttachmentSource)[];
  /** Goes on with a conversation; default: a new one. */
  readonly conversation?: ConversationId;
  /** The message answered: its conversation, and its Message-ID for other programs. */
  readonly inReplyTo?: PduId;
  /** Write although something of the conversation is not here: somebody removed meanwhile may get it. */
  readonly despiteGaps?: boolean;
  /** To people whom no home has; default: encrypted, or not at all. */
  readonly ordinary?: OrdinaryWish;
  /** A display name for From. */
  readonly fromName?: string;
}
