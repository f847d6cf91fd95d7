/** The header properties of an Email that lists show (RFC 8621, section 4.1.3), as they are kept beside each email. */
import { type EmailAddress, parseAddresses } from './address-list.ts';
import { type HeaderField, lastField, readHeaderBlock } from './header-block.ts';
import { parseForm, parseMessageIds, parseText } from './header-forms.ts';

export interface Envelope {
  readonly messageId: readonly string[] | null;
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
  readonly sender: readonly EmailAddress[] | null;
  readonly from: readonly EmailAddress[] | null;
  readonly to: readonly EmailAddress[] | null;
  readonly cc: readonly EmailAddress[] | null;
  readonly bcc: readonly EmailAddress[] | null;
  readonly replyTo: readonly EmailAddress[] | null;
  readonly subject: string | null;
  readonly sentAt: string | null;
}

export function envelopeOf(fields: readonly HeaderField[]): Envelope {
  const read = <Value>(name: string, parse: (raw: string) => Value): Value | null => {
    const raw = lastField(fields, name);
    return raw === undefined ? null : parse(raw);
  };
  return {
    messageId: read('message-id', parseMessageIds),
    inReplyTo: read('in-reply-to', parseMessageIds),
    references: read('references', parseMessageIds),
    sender: read('sender', parseAddresses),
    from: read('from', parseAddresses),
    to: read('to', parseAddresses),
    cc: read('cc', parseAddresses),
    bcc: read('bcc', parseAddresses),
    replyTo: read('reply-to', parseAddresses),
    subject: read('subject', parseText),
    sentAt: read('date', (raw) => parseForm(raw, 'Date') as string | null),
  };
}

/** The fields of a header block alone, without a body. */
export function fieldsOf(block: Uint8Array): readonly HeaderField[] {
  return readHeaderBlock(block, 0, block.length).fields;
}
