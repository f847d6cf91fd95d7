/** What became of mail at another home, in the words that mail programs know (RFC 3463, RFC 5321). */
import type { DeliveryStatus } from '../../jmap/index.ts';
import type { ToldDelivery } from '../agents/mail/mail-protocol.ts';

/** By what a home says of an item (docs/protocol/federation.md); what is not here is a refusal like any other. */
const REFUSALS: Readonly<Record<string, string>> = {
  unknown_recipient: '550 5.1.1',
  over_quota: '552 5.2.2',
  too_large: '552 5.3.4',
};

export function deliveryStatusOf({ code, detail, home, queuedAt, reply, status }: ToldDelivery): DeliveryStatus {
  if (reply !== undefined) return { smtpReply: line(reply), ...LETTERS[status] };
  switch (status) {
    case 'refused': {
      const why = [code, detail].filter((text) => text !== '').join(': ');
      return { smtpReply: `${REFUSALS[code] ?? '554 5.0.0'} ${line(`${home} refuses it: ${why}`)}`, ...NO };
    }
    case 'delayed':
      return { smtpReply: `450 4.4.1 ${home} has not taken it since ${isoTime(queuedAt)}; trying on`, ...QUEUED };
    case 'delivered':
      return { smtpReply: `250 2.0.0 ${home} has taken it, after a delay`, ...YES };
  }
}

const NO = { delivered: 'no', displayed: 'unknown' } as const;
const QUEUED = { delivered: 'queued', displayed: 'unknown' } as const;
const YES = { delivered: 'yes', displayed: 'unknown' } as const;
/** RFC 8621, section 7: another server has it, and what becomes of it there is not known. */
const LETTERS = { refused: NO, delayed: QUEUED, delivered: { delivered: 'unknown', displayed: 'unknown' } } as const;

/** A stranger's text on one line: control characters and line breaks are spaces. */
function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
