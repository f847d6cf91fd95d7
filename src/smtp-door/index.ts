/** The SMTP door: the way between a home and the rest of the world's mail. */
export type { DoorKeys } from './delivery.ts';
export { type DnsRecord, dnsRecordsOf, type HomePlace } from './dns-records.ts';
export type { DmarcMode } from './judging.ts';
export { SmtpDoor, type SmtpDoorOptions } from './smtp-door.ts';
