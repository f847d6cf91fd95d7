/** What became of one mail at one other home, as its author is told. */
import { fromUtf8, utf8 } from '../../base/index.ts';
import type { Address, HomeName, PduId } from '../../protocol/index.ts';

export interface DeliveryReport {
  readonly pdu: PduId;
  readonly home: HomeName;
  /** Those of that home that the mail is for. */
  readonly recipients: readonly Address[];
  /** `delivered` follows `delayed` only: of what goes well nothing is said. */
  readonly status: 'refused' | 'delayed' | 'delivered';
  /** Why it is refused, in the words of that home. */
  readonly code: string;
  readonly detail: string;
  /** Milliseconds since 1970: when this was so, and when the mail was accepted here. */
  readonly at: number;
  readonly queuedAt: number;
}

export function encodeReport(report: DeliveryReport): Uint8Array {
  return utf8(JSON.stringify(report));
}

export function decodeReport(bytes: Uint8Array): DeliveryReport {
  return JSON.parse(fromUtf8(bytes)) as DeliveryReport;
}
