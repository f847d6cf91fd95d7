/** A delivery report as the own home's node sends it. */
import { toHex } from '../../base/index.ts';
import {
  type Delivery,
  type DeliveryReport,
  DeliveryStatus,
  homeOf,
  parseAddress,
  parseHomeName,
  parsePduId,
} from '../../protocol/index.ts';
import { DELIVERY_REPLY_MAX, DELIVERY_TEXT_MAX } from '../limits.ts';
import type { Letter } from '../outbox/outbox.ts';

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
    ...(delivery.reply === '' ? {} : { reply: delivery.reply.slice(0, DELIVERY_REPLY_MAX) }),
  };
}

/** The own home did not take a letter: its author hears it where they hear what becomes of all others. */
export function refusedByHome(
  { id, recipients }: Letter,
  { code, detail }: { readonly code: string; readonly detail: string },
  at: number,
): readonly DeliveryReport[] {
  const reply = `550 5.7.1 ${detail === '' ? code : detail}`.slice(0, DELIVERY_REPLY_MAX);
  const said = { pdu: id, status: 'refused', code, detail, reply, at, queuedAt: at } as const;
  return recipients.map((address) => ({ ...said, home: homeOf(address), recipients: [address] }));
}
