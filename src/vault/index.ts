/** The vault: where private keys and plaintext live. Person's side only; servers have `public.ts`. */
export { exportSecretKey, rotateEncryptionSubkey } from './account-key.ts';
export {
  type AccountSecrets,
  createAccountSecrets,
  decodeAccountSecrets,
  encodeAccountSecrets,
  type NewAccount,
} from './account-secrets.ts';
export { AT_REST_OVERHEAD_BYTES, openAtRest, sealAtRest } from './at-rest.ts';
export { type OpenedBody, type OpenRequest, openBody, type SealRequest, sealBody } from './body.ts';
export { type BodyWorker, InThreadBodyWorker, type OpenJob, type SealJob } from './body-worker.ts';
export { type BulkResult, openAll, sealAll } from './bulk.ts';
export { ChunkCipher, type ChunkSealer, openChunkSealer } from './chunk-cipher.ts';
export type { DerivedKeys } from './derived-keys.ts';
export { GrowingBodyWorker } from './growing-worker.ts';
export { INDEXED_TEXT_CHARACTERS_MAX } from './limits.ts';
export {
  type AttachmentContent,
  type AttachmentInfo,
  type MessageText,
  type ReadMime,
  readAttachments,
} from './mime-reading.ts';
export { createEnrolmentParameters, derivePasswordKeys } from './password.ts';
export * from './public.ts';
export { createRecoveryCode, deriveRecoveryKeys, parseRecoveryCode, type RecoveryCode } from './recovery-code.ts';
export {
  changePassword,
  type OpenedVault,
  openVaultContent,
  openVaultRecord,
  type PasswordSeal,
  replaceRecoveryCode,
  replaceSecrets,
  sealVaultRecord,
  type VaultOpener,
} from './vault-record-sealing.ts';
