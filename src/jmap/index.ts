/** Everybody's mail as JMAP: a store that agents fill, and the protocol that clients read and change it by. */

export { type Awaited, awaitedBy } from './awaited.ts';
export { blobIdOf, createBlobHash } from './blobs/blob-id.ts';
export { MemoryBlobStore } from './blobs/memory-blob-store.ts';
export {
  type BlobEntry,
  type BlobStore,
  type ByteRange,
  type MailSource,
  type RemoteContent,
  type RemoteSource,
  type StoredBlob,
  UnavailableOctets,
} from './blobs/ports.ts';
export { mountJmap } from './http/mount.ts';
export type { MountDeps } from './http/mount-deps.ts';
export { type Caller, createJmap, Jmap, type JmapDeps, type JmapResponse, type PushServices } from './jmap.ts';
export type { Permission } from './methods/call.ts';
export { COMPLETENESS_ID, type Completeness } from './methods/completeness/completeness.ts';
export type { StoredQuota } from './methods/quota/quota.ts';
export * from './mime/index.ts';
export type { DataType } from './protocol/data-types.ts';
export { RequestError } from './protocol/errors.ts';
export type { SessionObject } from './session.ts';
export type { Journal, JournalRecord, SqlValue } from './store/journal.ts';
export type { EmailUpdate, MailAccount, Side } from './store/mail-account.ts';
export { MailStore, type MailStoreDeps, type StateChanges } from './store/mail-store.ts';
export { MemoryJournal, NO_JOURNAL } from './store/memory-journal.ts';
export * from './store/records.ts';
export { DURABLE_TABLES, LATE_TABLES, rowKey, TABLES, type TableName } from './store/schema.ts';
export { noteDelivery } from './submission/delivery-note.ts';
export { unsentSubmissions } from './submission/submission-shelf.ts';
export type {
  DeliveryStatus,
  EnvelopeAddress,
  SmtpEnvelope,
  SubmissionJob,
  SubmissionLimits,
  SubmissionOutcome,
  Submitter,
} from './submission/submitter.ts';
