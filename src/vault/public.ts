/**
 * The door for those who may not read mail: certificates, encrypting to them, verifying. Nothing here decrypts or unlocks;
 * a server may import it.
 */
export { type BodyBinding, type BoundField, bindingOf } from './body-binding.ts';
export { armorCertificate, type Certificate, parseCertificate } from './certificate.ts';
export { CertificateCache } from './certificate-cache.ts';
export { type ChunkSealer, openChunkSealer } from './chunk-cipher.ts';
export { encryptBody, type SealingDeps } from './encryption.ts';
export { CERTIFICATE_BYTES_MAX, OPENED_BYTES_MAX } from './limits.ts';
export { VaultError, type VaultErrorCode } from './vault-error.ts';
export { type DetachedSignature, type Verification, verifyDetached } from './verification.ts';
