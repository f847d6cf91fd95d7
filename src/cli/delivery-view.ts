/** Delivery reports as commands show them: why a mail was refused elsewhere, since when it waits, that it has arrived. */
import type { DeliveryReport } from '../client/index.ts';
import { ID_PREFIX_CERTAIN } from './limits.ts';
import { isoTime, showFullTime } from './terminal/figures.ts';
import type { Paint } from './terminal/paint.ts';
import { safeLine } from './terminal/text.ts';

/** Of a JSON line. */
export function deliveryFields({
  at,
  code,
  detail,
  home,
  queuedAt,
  recipients,
  reply,
  status,
}: DeliveryReport): object {
  const why = { ...(status === 'refused' ? { code, detail } : {}), ...(reply === undefined ? {} : { reply }) };
  return { home, recipients, status, ...why, at: isoTime(at), queuedAt: isoTime(queuedAt) };
}

/** Beside other messages: which one it is about. */
export function describeMessageDelivery(report: DeliveryReport, paint: Paint): string {
  return `${report.pdu.slice(0, ID_PREFIX_CERTAIN)}: ${describeDelivery(report, paint)}.`;
}

export function describeDelivery(
  { at, code, detail, home, queuedAt, recipients, reply, status }: DeliveryReport,
  paint: Paint,
): string {
  if (reply !== undefined) return describeLetter({ queuedAt, recipients, reply, status }, paint);
  const whom = recipients.join(', ');
  switch (status) {
    case 'refused': {
      const why = safeLine([code, detail].filter((text) => text !== '').join(': '));
      return `${paint.bad('refused')} by ${home} for ${whom}: ${why}`;
    }
    case 'delayed':
      return `${paint.warn('still waiting')} for ${home} since ${showFullTime(queuedAt)}, for ${whom}; it is tried again`;
    case 'delivered':
      return `${paint.good('arrived')} late at ${home} for ${whom}, by ${showFullTime(at)}`;
  }
}

/** Ordinary mail: a server has it, will not have it, or is still to be found; in its words. */
function describeLetter(
  { queuedAt, recipients, reply = '', status }: Pick<DeliveryReport, 'queuedAt' | 'recipients' | 'reply' | 'status'>,
  paint: Paint,
): string {
  const whom = recipients.join(', ');
  switch (status) {
    case 'refused':
      return `${paint.bad('refused')} for ${whom}: ${safeLine(reply)}`;
    case 'delayed':
      return `${paint.warn('still waiting')} since ${showFullTime(queuedAt)}, for ${whom}; it is tried again: ${safeLine(reply)}`;
    case 'delivered':
      return `${paint.good('handed over')} to the mail server of ${whom}: ${safeLine(reply)}`;
  }
}
