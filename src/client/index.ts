/** The client: an account's devices, mail and contacts over whichever node serves best. Portable; README.md says more. */

export type { DeliveryReport, Manifest } from '../protocol/index.ts';
export type { AttachmentContent } from '../vault/index.ts';
export type { Account, DeviceInfo } from './account/account.ts';
export {
  type Created,
  type CreateOptions,
  createAccount,
  type Enrolled,
  type JoinOptions,
  joinAccount,
  type RecoverOptions,
  recoverAccount,
  type SetupDeps,
  unlockAccount,
} from './account/account-setup.ts';
export { type DeviceProfile, decodeDeviceProfile, encodeDeviceProfile } from './account/device-profile.ts';
export type { Alarm, AlarmCode } from './alarm.ts';
export type { Download } from './attachments/downloader.ts';
export type { AttachmentSource } from './attachments/source.ts';
export {
  Client,
  type ClientDeps,
  type ClientOptions,
  type ClientState,
  type SyncOptions,
  type SyncProgress,
  type SyncResult,
} from './client.ts';
export { ClientError, type ClientErrorCode } from './client-error.ts';
export type { Arrival, AttachmentProgress, ClientEvents, KeyChange } from './client-events.ts';
export type { Draft } from './compose/draft.ts';
export type { OrdinaryWish } from './compose/letters.ts';
export type { Attachment } from './compose/mime-message.ts';
export type { RawMime } from './compose/whole-text.ts';
export { ConnectionError, type ConnectionErrorCode, refusalOf } from './connection/index.ts';
export type { KeyInfo, People } from './contacts/people.ts';
export type {
  Acted,
  ConversationActs,
  ConversationView,
  GrantedRole,
  Standing,
} from './conversations/conversation-acts.ts';
export type { ConversationEvent } from './conversations/open-conversation.ts';
export type { Deliveries } from './deliveries/deliveries.ts';
export { DirectoryError, type DirectoryErrorCode, type Fleets, parseFleets } from './directory/index.ts';
export { filingMarks, foldersOf, isFiling } from './folders/filing.ts';
export { FOLDERS, type Folder, type Folders, type FolderWords } from './folders/folders.ts';
export type { FeedReport, Report } from './history/report.ts';
export { OUTBOX_SPANS } from './keys.ts';
export { MIME_BYTES_MAX } from './limits.ts';
export { BLOCKED } from './mail/mail-index.ts';
export type { ListFilter, MailChange } from './mail/mail-reader.ts';
export type { Exported, Mailbox, Marks, Message, RawMessage } from './mail/mailbox.ts';
export { type AttachmentInfo, DELETED, FLAGGED, JUNK, type MessageText, READ, type Summary } from './mail/summary.ts';
export type { NodeInfo, Nodes, Pinged } from './network/nodes.ts';
export type { OutboxItem, Outcome, Receipt, RefusalCode } from './outbox/outbox.ts';
export type { Imported, OrdinaryMail, Posted, RawMail, Sent } from './outbox/posting.ts';
