/** The SMTP door: the way between a home and the rest of the world's mail. */
export type { DoorKeys } from './delivery.ts';
export { checkDns, type DnsCheckDeps, type DnsFinding } from './dns-check.ts';
export { type DnsRecord, dnsRecordsOf, type HomePlace } from './dns-records.ts';
export type { DmarcMode } from './judging.ts';
export { MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_LIMIT } from './limits.ts';
export { createDkimKeys, type DkimKey, dkimRecordOf } from './outbound/dkim.ts';
export { Outbound, type OutboundDeps, type OutboundOptions } from './outbound/outbound.ts';
export type { Relay } from './outbound/route.ts';
export { ownPolicyText, type StsMode } from './own-policy.ts';
export { SmtpDoor, type SmtpDoorOptions } from './smtp-door.ts';
export { SpamdFilter, type SpamdPlace } from './spamd-filter.ts';
