/** What became of a mail of this person at another home, as their own home says; of mail that goes its way nothing is said. */
import { fromUtf8, toHex, utf8 } from '../../base/index.ts';
import {
  type Address,
  type Delivery,
  DeliveryStatus,
  type HomeName,
  type PduId,
  parseAddress,
  parseHomeName,
  parsePduId,
} from '../../protocol/index.ts';
import { DELIVERY_TEXT_MAX } from '../limits.ts';

export interface DeliveryReport {
  readonly pdu: PduId;
  readonly home: HomeName;
  /** Those of that home. */
  readonly recipients: readonly Address[];
  /** `delayed`: it waits since `queuedAt`, and goes on waiting. `delivered`: it was delayed, and has arrived. */
  readonly status: 'refused' | 'delayed' | 'delivered';
  /** Why it was refused, in the words of that home. */
  readonly code: string;
  readonly detail: string;
  /** Milliseconds since 1970: since when this is so, and when the own home accepted the mail. */
  readonly at: number;
  readonly queuedAt: number;
}

const STATUSES: Partial<Record<DeliveryStatus, DeliveryReport['status']>> = {
  [DeliveryStatus.REFUSED]: 'refused',
  [DeliveryStatus.DELAYED]: 'delayed',
  [DeliveryStatus.DELIVERED]: 'delivered',
};

/** Undefined: a status of a newer home. Throws ProtocolError `malformed`. */
export function reportOf(delivery: Delivery): DeliveryReport | undefined {
  const status = STATUSES[delivery.status];
  if (status === undefined) return undefined;
  return {
    pdu: parsePduId(toHex(delivery.pdu)),
    home: parseHomeName(delivery.home),
    recipients: delivery.recipients.map(parseAddress),
    status,
    code: delivery.code.slice(0, DELIVERY_TEXT_MAX),
    detail: delivery.detail.slice(0, DELIVERY_TEXT_MAX),
    at: delivery.at / 1000,
    queuedAt: delivery.queuedAt / 1000,
  };
}

export function encodeReport(report: DeliveryReport): Uint8Array {
  return utf8(JSON.stringify(report));
}

export function decodeReport(bytes: Uint8Array): DeliveryReport {
  return JSON.parse(fromUtf8(bytes)) as DeliveryReport;
}
