/** The published formats that both sides read: documents, PDUs, entries and frames. Portable; no I/O. */
export * from './account-document.ts';
export * from './canonical-json.ts';
export * from './enrolment.ts';
export * from './frames.ts';
export * from './generated/client.ts';
export * from './generated/entry.ts';
export * from './generated/federation.ts';
export * from './home-document.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './mailbox-link.ts';
export * from './pdu.ts';
export * from './protocol-error.ts';
export * from './session-bytes.ts';
export * from './signed-document.ts';
export * from './vault-record.ts';
