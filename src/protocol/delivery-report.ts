/** What became of one mail at one other home, or of a letter for one recipient, as its author is told; of mail that goes its way nothing is said. */
import { fromUtf8, utf8 } from '../base/index.ts';
import type { Address, HomeName, PduId } from './ids.ts';

export interface DeliveryReport {
  readonly pdu: PduId;
  readonly home: HomeName;
  /** Those of that home that the mail is for. */
  readonly recipients: readonly Address[];
  /** `delayed`: it waits since `queuedAt`, and goes on waiting. `delivered`: it was delayed, and has arrived. */
  readonly status: 'refused' | 'delayed' | 'delivered';
  /** Why it is refused, in the words of that home. */
  readonly code: string;
  readonly detail: string;
  /** Milliseconds since 1970: since when this is so, and when the own home accepted the mail. */
  readonly at: number;
  readonly queuedAt: number;
  /** Of a letter, whose reports are of one recipient each: what a mail server answered. */
  readonly reply?: string;
}

/** As it is kept on disk. */
export function encodeReport(report: DeliveryReport): Uint8Array {
  return utf8(JSON.stringify(report));
}

/** Of what this process, or an earlier one, has encoded. */
export function decodeReport(bytes: Uint8Array): DeliveryReport {
  return JSON.parse(fromUtf8(bytes)) as DeliveryReport;
}
